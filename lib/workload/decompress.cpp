#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <vector>

#include "workload/byte_source.hpp"

namespace kv {
namespace {

constexpr std::size_t kPackedWindow = std::size_t{128} << 10;
constexpr const char* kDamaged = "the file is damaged or was not written to its end: make it again";
constexpr const char* kUnpackFirst = "unpack it first, as in zstd -dc --long=31 TRACE.zst | kvbench run -";

/// The compressed side of a decompressor: a window that is refilled when used up.
class Packed {
 public:
  Packed(std::unique_ptr<ByteSource> source, std::string name)
      : source_(std::move(source)), name_(std::move(name)), window_(kPackedWindow) {}

  /// Makes at least one byte available; false at the end.
  Result<bool> fill() {
    if (begin_ < end_) return true;
    const auto got = source_->read(window_);
    if (!got) return error(got);
    begin_ = 0;
    end_ = *got;
    return end_ > 0;
  }
  std::span<char> bytes() { return std::span(window_).subspan(begin_, end_ - begin_); }
  void used(std::size_t count) { begin_ += count; }

  tl::unexpected<Error> fail(const char* what, const char* detail, const char* hint = kDamaged) const {
    return error(Code::bad_input, fmt::format("{}: {}: {}", name_, what, detail), hint);
  }

 private:
  std::unique_ptr<ByteSource> source_;
  std::string name_;
  std::vector<char> window_;
  std::size_t begin_ = 0, end_ = 0;
};

/// RFC 1952: any number of members, one after the other.
class GzipSource : public ByteSource {
 public:
  GzipSource(std::unique_ptr<ByteSource> packed, const std::string& name) : packed_(std::move(packed), name) {}
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;
  ~GzipSource() override { inflateEnd(&stream_); }

  Result<std::size_t> read(std::span<char> out) override {
    for (;;) {
      const auto more = packed_.fill();
      if (!more) return error(more);
      if (!*more && in_member_) return packed_.fail("gzip data ends too early", "a part is missing");
      if (!*more) return std::size_t{0};
      if (!in_member_ && !begin_member()) return packed_.fail("cannot unpack gzip data", "out of memory");

      const std::span<char> bytes = packed_.bytes();
      stream_.next_in = reinterpret_cast<Bytef*>(bytes.data());
      stream_.avail_in = static_cast<uInt>(bytes.size());
      stream_.next_out = reinterpret_cast<Bytef*>(out.data());
      stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(out.size(), 1 << 30));
      const uInt room = stream_.avail_out;
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        return packed_.fail("gzip data is damaged", stream_.msg != nullptr ? stream_.msg : "unknown fault");
      }
      packed_.used(bytes.size() - stream_.avail_in);
      in_member_ = status != Z_STREAM_END;
      if (room > stream_.avail_out) return std::size_t{room - stream_.avail_out};
    }
  }

 private:
  bool begin_member() {
    constexpr int kGzip = 16 + MAX_WBITS;
    in_member_ = ready_ ? inflateReset(&stream_) == Z_OK : inflateInit2(&stream_, kGzip) == Z_OK;
    ready_ = ready_ || in_member_;
    return in_member_;
  }

  Packed packed_;
  z_stream stream_{};
  bool ready_ = false, in_member_ = false;
};

/// RFC 8878: any number of frames. The window stays within zstd's own default of 128 MiB.
class ZstdSource : public ByteSource {
 public:
  ZstdSource(std::unique_ptr<ByteSource> packed, const std::string& name) : packed_(std::move(packed), name) {}

  Result<std::size_t> read(std::span<char> out) override {
    for (;;) {
      const auto more = packed_.fill();
      if (!more) return error(more);
      if (!*more && in_frame_ && !flushing_) return packed_.fail("zstd data ends too early", "a part is missing");
      if (!*more && !flushing_) return std::size_t{0};

      const std::span<char> bytes = packed_.bytes();
      ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
      ZSTD_outBuffer to{out.data(), out.size(), 0};
      const std::size_t left = ZSTD_decompressStream(context_.get(), &to, &in);
      if (ZSTD_isError(left) != 0) {
        const bool wide = ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge;
        return packed_.fail("cannot unpack zstd data", ZSTD_getErrorName(left), wide ? kUnpackFirst : kDamaged);
      }
      packed_.used(in.pos);
      in_frame_ = left != 0;
      flushing_ = in_frame_ && to.pos == to.size;
      if (to.pos > 0) return to.pos;
    }
  }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  Packed packed_;
  std::unique_ptr<ZSTD_DCtx, Free> context_{ZSTD_createDCtx()};
  bool in_frame_ = false;
  bool flushing_ = false;  // the output was full: there may be more without further input
};

}  // namespace

std::unique_ptr<ByteSource> gzip_source(std::unique_ptr<ByteSource> packed, const std::string& name) {
  return std::make_unique<GzipSource>(std::move(packed), name);
}

std::unique_ptr<ByteSource> zstd_source(std::unique_ptr<ByteSource> packed, const std::string& name) {
  return std::make_unique<ZstdSource>(std::move(packed), name);
}

}  // namespace kv
