#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "workload/workload.hpp"

namespace kv {

struct ReadOptions {
  /// Otherwise inferred over the whole input: the one value that fits every request, or else the one power of two.
  std::optional<Tokens> block_size;
  /// Skip and count bad lines, instead of failing at the first. They leave no trace in what the other lines are checked
  /// against. A block size that is not given is then the one that fits the most lines; the others are bad. More bad
  /// lines than good ones are an error after all: what is left says nothing of the whole.
  bool lenient = false;
};

/// What was noticed on the way; the tools show it and put it into the report.
struct ReadNotes {
  std::uint64_t lines = 0;             ///< blank ones included
  std::uint64_t bad_lines = 0;         ///< skipped by `lenient`
  std::vector<std::string> first_bad;  ///< the first five, as file:line: message
};

/// Loads a Mooncake-format JSONL file: plain, .gz or .zst (told by their first bytes, not by name), "-" for stdin.
/// Checks every line: JSON, fields and types, sorted timestamps, ids that fit the length, one parent and one size
/// per id.
/// Errors (bad_input) name file:line. Memory is that of a WorkloadBuilder (and once more the ids, where `lenient` has
/// to find the block size) plus a window of the input.
Result<Workload> read_workload(const std::string& path, const ReadOptions& options, ReadNotes& notes);
/// The same for the bytes of such a file; `name` stands for the path in messages.
Result<Workload> read_workload_text(std::string_view bytes, const std::string& name, const ReadOptions& options,
                                    ReadNotes& notes);

/// One line of a trace while it is streamed; `ids` and the texts of `origin` are valid during the call only.
struct TraceLine {
  std::uint64_t line = 0;
  Duration at{};
  Tokens input, output;
  std::span<const BlockId> ids;
  Origin origin;
};
/// Streams in constant memory; the check of parents and sizes covers a sample of the ids, by hash. `sink` returns false
/// to stop early. Gives the block size: that of `options`, or inferred; nullopt if the sink stopped early, before all
/// could be asked. `lenient` needs a block size here, as lines are handed out before the most common one can be known.
Result<std::optional<Tokens>> stream_workload(const std::string& path, const ReadOptions& options, ReadNotes& notes,
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
  Workload workload;                        ///< arrivals as in the trace
  std::optional<SampleError> sample_error;  ///< only if sample < 1; of the sample before skip and requests
};
/// Fails (bad_input) on values that no workload can be selected by; select() asks it too.
Result<void> check_selection(const Selection& selection);
/// A smaller sample holds no tree that a larger one of the same seed lacks. Fails (bad_input) if nothing is left or a
/// value is out of range.
Result<Selected> select(Workload workload, const Selection& selection);

}  // namespace kv
