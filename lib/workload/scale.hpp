#pragma once
#include <string>

#include "workload/sample.hpp"

namespace kv {

struct ScaleOptions {
  double rate = 1;  ///< requests per second times this; above 0, up to kMaxScale
  std::uint64_t seed = 1;
  Duration jitter = std::chrono::minutes(1);  ///< a copy begins up to so much after its original
};
inline constexpr double kMaxScale = 10'000;

/// Makes a trace of `rate` times the users, at the pace that they had. Each prefix tree is copied, with ids of its own,
/// and each copy of a session (of a tree, where the trace names none) begins at a random time within `jitter`; the
/// blocks that all requests share stay shared. Of a fraction, and below 1, a share of the trees is taken, by hash.
///
/// So the ideal hit rate and the times between reuses stay, but for what the common blocks win; distances between
/// reuses, and with them the cache that a hit rate takes, grow with `rate`. The output is longer by up to `jitter`.
/// Reads the input twice (a regular file); memory is what arrives within the jitter, and 64 bytes a pending request.
/// Fails (bad_input) as stream_workload does. Finishes `out`.
Result<MadeTrace> scale_trace(const std::string& path, const ReadOptions& read, ReadNotes& notes,
                              const ScaleOptions& options, ByteSink& out);

}  // namespace kv
