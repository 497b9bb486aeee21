#include "breakeven_options.hpp"

namespace kvtool {
namespace {

void add_wire_group(CLI::App& command, BreakEvenOptions& o) {
  const std::string group = "Where KV is fetched from";
  command
      .add_option("--backend-profile", o.fetch.profiles,
                  "What kvbench probe wrote with --profile, or its whole report; repeat to compare")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->group(group);
  command
      .add_option("--latency", o.fetch.latency, "Without a profile: from looking a prefix up to its first byte, as 1ms")
      ->group(group);
  command
      .add_option("--bandwidth", o.fetch.bandwidth,
                  "Without a profile: stored bytes that one engine gets, as 25Gbps or 3GB/s; without it only the "
                  "bandwidth needed is told")
      ->group(group);
  command
      .add_option(
          "--decode-bandwidth", o.fetch.decode_bandwidth,
          "Payload that the engine's codec threads decode together, as 4GB/s; default: one thread, measured here")
      ->group(group);
  command
      .add_flag("--one-after-other", o.one_after_other,
                "Transfer, decode and upload follow each other; default: they overlap, the slowest counts")
      ->group(group);
}

void add_question_group(CLI::App& command, BreakEvenOptions& o) {
  const std::string group = "Question";
  const auto tokens = CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 24);
  command.add_option("--prefix", o.prefix, "Tokens of the prefix for which times and bandwidths are told")
      ->transform(count())
      ->check(tokens)
      ->capture_default_str()
      ->group(group);
  command.add_option("--behind", o.behind, "Tokens that follow a prefix and are computed in any case; 0: none")
      ->transform(count())
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << 24))
      ->capture_default_str()
      ->group(group);
  command.add_option("--longest", o.longest, "Tokens up to which the break-even prefix is looked for")
      ->transform(count())
      ->check(tokens)
      ->capture_default_str()
      ->group(group);
  command.add_flag("--no-sweep", o.no_sweep, "Leave out the table over latencies and bandwidths")->group(group);
}

}  // namespace

void add_breakeven_options(CLI::App& command, BreakEvenOptions& o) {
  add_workload_options(command, o.workload, false);
  add_wire_group(command, o);
  add_question_group(command, o);
  command.add_option("--model", o.models, "Catalogue names or config.json files (see: kvbench list models): a,b,c")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str()
      ->group("Model and KV");
  command.add_option("--codec", o.codecs, "Stored as (see: kvbench list codecs): a,b,c; measured on a payload like KV")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str()
      ->group("Model and KV");
  add_model_options(command, o.kv, false);
  command.add_option("--gpu", o.gpus, "GPUs that prefill is modelled on (see: kvbench list gpus): a,b,c")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str()
      ->group("Engine");
  add_engine_options(command, o.engine, false);
  add_output_options(command, o.output);
  command.footer(
      "Examples:\n"
      "  kvplan breakeven --model llama-3.1-8b --gpu h100 --backend-profile probe.json\n"
      "  kvplan breakeven --model llama-3.1-8b,llama-3.1-70b --gpu a100-80g,h100 --weight-dtype fp8\n"
      "  kvplan breakeven workloads/chat.jsonl --latency 1ms --bandwidth 25Gbps --codec raw,int8\n"
      "What recomputing costs on a GPU is modelled, unless --prefill profile:FILE has it from your own server.");
}

}  // namespace kvtool
