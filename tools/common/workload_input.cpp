#include "common/workload_input.hpp"

#include <fmt/format.h>

#include "base/parse.hpp"

namespace kvtool {

using kv::Result;

CLI::Validator count() {
  const auto to_digits = [](std::string& text) {
    const auto value = kv::parse_count(text);
    if (!value) return value.error().message;
    text = std::to_string(*value);
    return std::string();
  };
  return {to_digits, "COUNT"};
}

tl::unexpected<kv::Error> in_option(const char* option, const kv::Error& e) {
  return kv::error(e.code, fmt::format("{}: {}", option, e.message), e.hint);
}

void add_workload_options(CLI::App& command, WorkloadOptions& o, bool required) {
  command.add_option("workload", o.path, "Mooncake-format JSONL; .gz and .zst too, - for stdin")->required(required);
  const std::string group = "Workload";
  command.add_option("--block-size", o.block_size, "Tokens per block; inferred from the trace if not given")
      ->transform(count())
      ->check(CLI::Range(1U, 1U << 24))
      ->group(group);
  command.add_flag("--lenient", o.lenient, "Skip and count bad lines instead of failing at the first")->group(group);
  command.add_option("--sample", o.sample, "Share of whole prefix trees to keep, as 0.1 or 10%")
      ->capture_default_str()
      ->group(group);
  command.add_option("--skip", o.skip, "Leave out this many requests at the start")
      ->transform(count())
      ->capture_default_str()
      ->group(group);
  command.add_option("--requests", o.requests, "Keep this many requests")->transform(count())->group(group);
  command.add_option("--seed", o.seed, "Seed of everything random")
      ->transform(count())
      ->capture_default_str()
      ->group(group);
}

namespace {

Result<kv::Selection> selection_of(const WorkloadOptions& o) {
  const auto share = kv::parse_ratio(o.sample);
  if (!share) return in_option("--sample", share.error());
  const kv::Selection selection{*share, o.seed, o.skip, o.requests};
  if (const auto checked = kv::check_selection(selection); !checked) return kv::error(checked);
  return selection;
}

}  // namespace

Result<WorkloadInput> load_workload(const WorkloadOptions& o) {
  const auto selection = selection_of(o);
  if (!selection) return kv::error(selection);
  kv::ReadOptions read;
  read.lenient = o.lenient;
  if (o.block_size) read.block_size = kv::Tokens(*o.block_size);
  WorkloadInput input;
  auto workload = kv::read_workload(o.path, read, input.notes);
  if (!workload) return kv::error(workload);
  auto selected = kv::select(std::move(*workload), *selection);
  if (!selected) return kv::error(selected);
  input.workload = std::move(selected->workload);
  input.sample_error = selected->sample_error;
  if (input.notes.bad_lines != 0) {
    input.warnings.push_back(
        fmt::format("{} bad lines were skipped, the first: {}", input.notes.bad_lines,
                    input.notes.first_bad.empty() ? std::string("?") : input.notes.first_bad.front()));
  }
  return input;
}

kv::Json workload_notes(const WorkloadInput& s) {
  kv::Json out = {{"lines", s.notes.lines}, {"bad_lines", s.notes.bad_lines}};
  if (s.sample_error) {
    const kv::SampleError& e = *s.sample_error;
    out["sample_error"] = {{"requests_share", e.requests_share},
                           {"input_tokens_share", e.input_tokens_share},
                           {"block_refs_share", e.block_refs_share},
                           {"full_ideal_block_hit_rate", e.full_ideal_block_hit_rate},
                           {"sample_ideal_block_hit_rate", e.sample_ideal_block_hit_rate}};
  }
  return out;
}

std::string sample_note(const kv::SampleError& e) {
  return fmt::format(
      "a sample of whole prefix trees: {:.1f} % of the requests, {:.1f} % of the input tokens; its ideal block hit "
      "rate is "
      "{:.1f} % against {:.1f} % of the whole",
      100 * e.requests_share, 100 * e.input_tokens_share, 100 * e.sample_ideal_block_hit_rate,
      100 * e.full_ideal_block_hit_rate);
}

}  // namespace kvtool
