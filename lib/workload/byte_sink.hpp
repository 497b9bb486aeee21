#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace kv {

/// Takes bytes from front to back; the mirror of ByteSource. Not thread-safe.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  /// Errors (io) name the sink. After one, only destruction makes sense.
  virtual Result<void> write(std::string_view bytes) = 0;
  /// Everything was written: makes it last. Without it the result is not there, or not whole.
  virtual Result<void> finish() = 0;
};

/// Bytes in memory, for tests and small results.
class MemorySink final : public ByteSink {
 public:
  Result<void> write(std::string_view bytes) override {
    text_ += bytes;
    return {};
  }
  Result<void> finish() override { return {}; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Packs what is written by the ending of `path`: ".gz", ".zst" and else not at all. finish() finishes `out` too, which
/// must outlive the result.
std::unique_ptr<ByteSink> packed_sink(ByteSink& out, const std::string& path);

}  // namespace kv
