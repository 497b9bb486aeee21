#pragma once
#include <string>

#include "workload/byte_sink.hpp"
#include "workload/trace_line.hpp"

namespace kv {

/// TraceLine -> a line of Mooncake's JSONL, to be read by read_workload and by everything that reads such traces. What
/// a line does not have (session, tenant ...) is left out. Formats about 1 GB/s; buffers 256 KiB. Not thread-safe.
class TraceWriter {
 public:
  /// `out` must outlive the writer.
  explicit TraceWriter(ByteSink& out) : out_(out) {}

  Result<void> write(const TraceLine& line);
  /// Writes what is buffered, and finishes the sink.
  Result<void> finish();
  std::uint64_t requests() const { return requests_; }

 private:
  ByteSink& out_;
  std::string buffer_;
  std::uint64_t requests_ = 0;
};

}  // namespace kv
