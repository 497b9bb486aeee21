#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/parse.hpp"
#include "commands.hpp"
#include "common/output.hpp"
#include "common/watch.hpp"
#include "common/workload_input.hpp"
#include "profile/generator.hpp"
#include "profile/reference.hpp"
#include "workload/trace_writer.hpp"

namespace kvtool {
namespace {

struct Options {
  std::string profile, output;
  kv::GenerateOptions generate;
  bool keys = false;
};

int show_keys() {
  std::string text =
      "Lengths, counts and times (*_tokens, turns, *_s ...) are a number or one of the distributions at the end.\n";
  for (const kv::ReferenceTable& table : kv::profile_reference()) {
    text += fmt::format("\n{}: {}\n", table.title, table.summary);
    for (const auto& row : table.rows) {
      text += fmt::format("  {:<22}{}{}\n", row.key, row.summary,
                          row.preset == "required" ? "" : fmt::format(" [{}]", row.preset));
    }
  }
  const auto written = write_output(text, "");
  return written ? 0 : fail(written.error());
}

std::string told(const kv::GeneratedCounts& counts, kv::Tokens block_size) {
  return fmt::format("kvtrace: {} requests of {} sessions over {}; {} unique blocks of {} tokens\n",
                     kv::format_count(counts.requests), kv::format_count(counts.sessions),
                     kv::format_duration(counts.span), kv::format_count(counts.unique_blocks), block_size.count());
}

int gen(const Options& options) {
  if (options.keys) return show_keys();
  if (options.profile.empty()) {
    return fail({kv::Code::bad_input, "PROFILE is required", "kvtrace gen workloads/chat.toml -o chat.jsonl"});
  }
  const auto generator = kv::load_profile(options.profile);
  if (!generator) return fail(generator.error());
  auto file = OutputFile::open(options.output);
  if (!file) return fail(file.error());
  const auto packed = kv::packed_sink(*file, options.output);
  kv::TraceWriter writer(*packed);

  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> requests = 0;
  const Watch watch(stop, [&] { return fmt::format("{} requests", kv::format_count(requests)); });
  const auto counts = (*generator)->run(options.generate, [&](const kv::TraceLine& line) -> kv::Result<bool> {
    if (const auto written = writer.write(line); !written) return kv::error(written);
    requests.store(line.line, std::memory_order_relaxed);
    return !stop.load(std::memory_order_relaxed);
  });
  if (!counts) return fail(counts.error());
  if (stop) return fail({kv::Code::interrupted, "interrupted: nothing was written", ""});
  if (const auto finished = writer.finish(); !finished) return fail(finished.error());
  say(told(*counts, (*generator)->block_size()));
  return 0;
}

}  // namespace

void add_gen(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("gen", "Makes a workload from a profile and a seed");
  command->add_option("PROFILE", options->profile, "TOML file, \"-\" for stdin: see workloads/README.md");
  command->add_option("-o,--output", options->output, "Trace to write; .gz and .zst pack it [stdout]");
  command->add_option("--seed", options->generate.seed, "The same seed gives the same bytes, everywhere")
      ->transform(count())
      ->capture_default_str();
  command->add_option("--requests", options->generate.requests, "Instead of what the profile says")
      ->transform(count())
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000'000}));
  command->add_flag("--keys", options->keys, "Show what a profile may say, and end");
  command->footer("Example: kvtrace gen workloads/chat.toml -o chat.jsonl --seed 7");
  command->callback([options, &exit_code] { exit_code = gen(*options); });
}

}  // namespace kvtool
