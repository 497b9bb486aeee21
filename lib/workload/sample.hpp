#pragma once
#include <optional>
#include <string>

#include "workload/byte_sink.hpp"
#include "workload/read.hpp"
#include "workload/trace_figures.hpp"

namespace kv {

/// Applied in this order: whole prefix trees, time window, skip, requests.
struct SampleOptions {
  Selection selection;
  std::optional<Duration> from, to;  ///< since the first request of the trace; `to` is left out
  bool keep_times = false;           ///< with `from`: otherwise its time becomes 0
};
/// What a trace was made into by sample_trace, merge_traces or scale_trace.
struct MadeTrace {
  TraceFigures whole, made;  ///< of what was read, and of what was written
  Tokens block_size;
  bool tells_block_size = true;  ///< false: whoever reads it alone must be told
};

/// Writes a part of a trace, line by line in constant memory: names and, but for a window's, times stay as they are.
/// The input is read to its end, and twice where trees are sampled (the blocks that all requests share are not known
/// before), so it must be a regular file then. Fails (bad_input) as stream_workload and select do, and if nothing is
/// left. Finishes `out`.
Result<MadeTrace> sample_trace(const std::string& path, const ReadOptions& read, ReadNotes& notes,
                               const SampleOptions& options, ByteSink& out);

}  // namespace kv
