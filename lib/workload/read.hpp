#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "workload/workload.hpp"

namespace kv {

struct ReadOptions {
  std::optional<Tokens> block_size;  ///< otherwise inferred over the whole input
  bool lenient = false;              ///< skip and count bad lines instead of failing at the first
};

/// What was noticed on the way; the tools show it and put it into the report.
struct ReadNotes {
  std::uint64_t lines = 0;
  std::uint64_t bad_lines = 0;         ///< skipped by `lenient`
  std::vector<std::string> first_bad;  ///< the first few, as file:line: message
};

/// Loads a Mooncake-format JSONL file: plain, .gz or .zst (told by their first bytes, not by name), "-" for stdin.
/// Checks every line: JSON, fields and types, sorted timestamps, ids that fit the length, one parent per id.
/// Errors name file:line. Memory is that of the Workload plus a window of the input.
Result<Workload> read_workload(const std::string& path, const ReadOptions& options, ReadNotes& notes);

/// One line of a trace while it is streamed; `ids` is valid during the call only.
struct TraceLine {
  std::uint64_t line = 0;
  Duration at{};
  Tokens input, output;
  std::span<const BlockId> ids;
};
/// Streams in constant memory; the parent check is sampled by hash of the id. `sink` returns false to stop early.
Result<void> stream_workload(const std::string& path, const ReadOptions& options, ReadNotes& notes,
                             const std::function<bool(const TraceLine&)>& sink);

/// Applied in this order: sample, skip, requests.
struct Selection {
  double sample = 1.0;  ///< share of prefix trees, by hash of the first block that is not shared by everyone
  std::uint64_t seed = 1;
  std::uint64_t skip = 0;
  std::optional<std::uint64_t> requests;
};
/// How far the sample is from the whole, in the terms that a reader cares about.
struct SampleError {
  double requests_share = 1.0, input_tokens_share = 1.0, block_refs_share = 1.0;
  double full_ideal_block_hit_rate = 0, sample_ideal_block_hit_rate = 0;
};
struct Selected {
  Workload workload;
  std::optional<SampleError> sample_error;  ///< only if sample < 1
};
/// Fails (bad_input) if nothing is left or a value is out of range.
Result<Selected> select(Workload workload, const Selection& selection);

}  // namespace kv
