#include "run_options.hpp"

namespace kvtool {
namespace {

void add_payload_options(CLI::App& command, RunOptions& o) {
  const std::string group = "Model and KV";
  command
      .add_option("--bytes-per-token", o.bytes_per_token,
                  "Scale payloads down, so that a whole trace fits a small machine; labelled scaled")
      ->transform(count())
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 32))
      ->group(group);
  command
      .add_option("--payload", o.payload,
                  "What payloads are made of: kv (like KV), zeros, noise, or a safetensors file or one of raw elements")
      ->type_name("kv|zeros|noise|FILE")
      ->capture_default_str()
      ->group(group);
  command.add_option("--adapter", o.adapter, "LoRA adapter; becomes part of every key")->group(group);
  command.add_option("--tenant-salt", o.tenant_salt, "Isolates tenants; becomes part of every key")
      ->envname("KVKIT_TENANT_SALT")
      ->group(group);
}

void add_engine_cache_option(CLI::App& command, RunOptions& o) {
  command
      .add_option(
          "--engine-cache", o.engine_cache,
          "The engine's own prefix cache in HBM: auto (what the GPU leaves; off with --prefill measured), off, or a "
          "size like 20GiB")
      ->capture_default_str()
      ->group("Engine");
}

void add_measure_options(CLI::App& command, RunOptions& o) {
  const std::string group = "Measurement";
  command.add_option("--mode", o.mode, "closed:N = N workers, each serving one request after the other")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--fetch", o.fetch,
                  "What of a hit is fetched: always all, never (a control), adaptive: what is predicted to take less "
                  "time than recomputing it, or hedged[:BUDGET]: all, but recompute from BUDGET on (20ms, or 0.5x what "
                  "the fetch saves; default 1x) and take what ends first")
      ->type_name("POLICY")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--overlap", o.overlap,
                  "Decode what came while the next values are transferred, and encode likewise; auto: where it pays")
      ->check(CLI::IsMember({"auto", "on", "off"}))
      ->capture_default_str()
      ->group(group);
  command.add_option("--warmup", o.warmup, "Leading requests that are served but not counted")
      ->transform(count())
      ->capture_default_str()
      ->group(group);
  command.add_option("--repetitions", o.repetitions, "Times to repeat, each on an empty name space")
      ->transform(count())
      ->check(CLI::Range(1U, 100000U))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--check-logits", o.check_logits,
                  "With --prefill measured: requests with a hit of which the logits are compared with those behind KV "
                  "that was never stored, and with recomputing")
      ->transform(count())
      ->type_name("N")
      ->group(group);
  command.add_flag("--no-verify", o.no_verify, "Do not compare fetched bytes with what was stored")->group(group);
}

}  // namespace

void add_run_options(CLI::App& command, RunOptions& o) {
  command
      .add_option("--backend", o.backends,
                  "Where values live, as a SPEC (see: kvbench list backends); repeat to compare. "
                  "Default: null:, local: and spawn+redis:")
      ->allow_extra_args(false);
  command.add_option("--codec", o.codecs, "Payload <-> stored value (see: kvbench list codecs); repeat to compare")
      ->allow_extra_args(false)
      ->capture_default_str();
  command.add_option("--format", o.format, "table, json, csv or markdown")->capture_default_str();
  command.add_option("-o,--output", o.output, "Also write the report as JSON to this file");
  add_workload_options(command, o.workload);
  add_model_options(command, o.kv);
  add_payload_options(command, o);
  add_engine_options(command, o.engine);
  add_engine_cache_option(command, o);
  add_measured_options(command, o.measured);
  add_measure_options(command, o);
  command.footer(
      "Examples:\n"
      "  kvbench run workloads/small_gpu.jsonl --model qwen2.5-7b --gpu l4 --engine-cache 1GiB\n"
      "  kvbench run workloads/chat.jsonl --bytes-per-token 64\n"
      "  kvbench run trace.jsonl.zst --backend redis://cache.internal:6379 --model llama-3.1-70b --gpu h100\n"
      "  kvbench run trace.jsonl --backend 'local:?capacity=8GiB' --bytes-per-token 64 --format json -o run.json\n"
      "  kvbench run workloads/laptop.jsonl --model small --prefill measured --codec raw --codec fp8 --check-logits "
      "20\n"
      "Passwords come from KVKIT_REDIS_PASSWORD, never from the command line.");
}

}  // namespace kvtool
