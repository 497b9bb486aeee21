#pragma once
#include <memory>
#include <optional>
#include <string>

#include "workload/read.hpp"

namespace kv {

/// A trace line by line, pulled, in constant memory: what stream_workload does for those who read several traces at
/// once. The check of parents and sizes covers a sample of the ids. Not thread-safe.
class TraceStream {
 public:
  /// `notes` must outlive the stream. Errors (bad_input) are those of stream_workload.
  static Result<TraceStream> open(const std::string& path, const ReadOptions& options, ReadNotes& notes);
  TraceStream(TraceStream&&) noexcept;
  TraceStream& operator=(TraceStream&&) noexcept;
  ~TraceStream();

  /// The next request, whose views live until the next call; false at the end, when enough of the input was good.
  Result<bool> next(TraceLine& line);
  /// At the end: what all requests agree on, or what was given.
  Result<Tokens> block_size() const;
  /// At the end: holds the requests to a block size that was not known before.
  Result<void> check_block_size(Tokens block_size);

 private:
  struct State;
  explicit TraceStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kv
