#pragma once
#include <memory>

#include "base/result.hpp"
#include "workload/byte_source.hpp"

namespace kv {

/// One line without its newline, inside the reader's window: valid until the next call.
struct Line {
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
  static constexpr std::size_t kPadding = 64;  ///< readable bytes behind any line, as SIMD parsers want

  std::uint64_t number = 0;  ///< from 1
  const char* data = nullptr;
  std::size_t size = 0;
  std::size_t readable = 0;  ///< from `data` on, at least size + kPadding
  bool too_long = false;     ///< beyond kMaxBytes: `data` is empty

  bool blank() const;  ///< nothing but spaces, tabs and carriage returns
};

/// Cuts a source into lines without copying them: a window of 256 KiB that grows to the longest line. A byte order
/// mark at the very start is dropped; the last line needs no newline. Not thread-safe.
class LineReader {
 public:
  explicit LineReader(std::unique_ptr<ByteSource> source);

  /// False at the end. Errors are those of the source.
  Result<bool> next(Line& line);
  /// Share of the source that was handed out, where its size is known.
  std::optional<double> progress() const;

 private:
  Result<bool> fill();  // false at the end
  Result<bool> skip_to_newline(Line& line);
  void give(Line& line, std::size_t size);

  std::unique_ptr<ByteSource> source_;
  std::unique_ptr<char[]> window_;
  std::size_t capacity_, begin_ = 0, end_ = 0;  // the unread part of the window; kPadding bytes follow the capacity
  std::uint64_t number_ = 0, received_ = 0;
  bool started_ = false, ended_ = false;
};

}  // namespace kv
