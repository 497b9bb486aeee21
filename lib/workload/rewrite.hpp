#pragma once
#include <fmt/format.h>

#include "workload/block_size.hpp"
#include "workload/sample.hpp"
#include "workload/trace_writer.hpp"
#include "workload/trees.hpp"

namespace kv {

/// What sample_trace, merge_traces and scale_trace do alike; for the files that hold them.

/// Writes lines, and counts what they add up to.
class Rewriter {
 public:
  explicit Rewriter(ByteSink& out) : writer_(out) {}
  Result<void> write(const TraceLine& line) {
    figures_.add(line);
    fit_.take(line.line, line.input, line.ids.size());
    return writer_.write(line);
  }
  const TraceFigures& figures() const { return figures_; }
  /// Finishes the output.
  Result<MadeTrace> finish(TraceFigures whole, Tokens block_size) {
    if (const auto finished = writer_.finish(); !finished) return error(finished);
    const auto told = fit_.choice();
    return MadeTrace{std::move(whole), figures_, block_size, told && *told == block_size};
  }

 private:
  TraceWriter writer_;
  TraceFigures figures_;
  BlockSizeFit fit_;
};

/// The common run of a whole trace, by a pass of its own.
inline Result<std::size_t> common_run(const std::string& path, const ReadOptions& read) {
  CommonRun<BlockId> common;
  ReadNotes notes;
  const auto scanned = stream_workload(path, read, notes, [&](const TraceLine& line) {
    common.add(line.ids);
    return common.size() > 0;
  });
  if (!scanned) return error(scanned);
  return common.size();
}

/// Streams all of a trace into `each`, which may fail; the block size it has.
template <class Each>
Result<Tokens> rewrite(const std::string& path, const ReadOptions& read, ReadNotes& notes, const Each& each) {
  Result<void> going;
  const auto block_size = stream_workload(path, read, notes, [&](const TraceLine& line) {
    going = each(line);
    return going.has_value();
  });
  if (!going) return error(going);
  if (!block_size) return error(block_size);
  return **block_size;
}

}  // namespace kv
