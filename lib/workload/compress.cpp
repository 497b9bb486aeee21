#include <zlib.h>
#include <zstd.h>

#include <vector>

#include "workload/byte_sink.hpp"

namespace kv {
namespace {

constexpr std::size_t kPackedWindow = std::size_t{128} << 10;

class GzipSink final : public ByteSink {
 public:
  explicit GzipSink(ByteSink& out) : out_(out), window_(kPackedWindow) {
    constexpr int kGzip = 16 + MAX_WBITS, kLevel = 6, kMemory = 8;
    ready_ = deflateInit2(&stream_, kLevel, Z_DEFLATED, kGzip, kMemory, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  GzipSink(const GzipSink&) = delete;
  GzipSink& operator=(const GzipSink&) = delete;
  ~GzipSink() override { deflateEnd(&stream_); }

  Result<void> write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const std::string_view piece = bytes.substr(0, std::size_t{1} << 30);
      if (auto packed = pack(piece, Z_NO_FLUSH); !packed) return packed;
      bytes.remove_prefix(piece.size());
    }
    return {};
  }
  Result<void> finish() override {
    if (auto packed = pack({}, Z_FINISH); !packed) return packed;
    return out_.finish();
  }

 private:
  Result<void> pack(std::string_view bytes, int flush) {
    if (!ready_) return error(Code::io, "cannot pack: out of memory", "write without .gz");
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib's interface; it only reads
    stream_.avail_in = static_cast<uInt>(bytes.size());
    int status = Z_OK;
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(window_.data());
      stream_.avail_out = static_cast<uInt>(window_.size());
      status = deflate(&stream_, flush);
      const std::size_t made = window_.size() - stream_.avail_out;
      if (auto written = out_.write({window_.data(), made}); !written) return written;
    } while (stream_.avail_out == 0 || (flush == Z_FINISH && status != Z_STREAM_END));
    return {};
  }

  ByteSink& out_;
  std::vector<char> window_;
  z_stream stream_{};
  bool ready_ = false;
};

class ZstdSink final : public ByteSink {
 public:
  explicit ZstdSink(ByteSink& out) : out_(out), window_(kPackedWindow) {}

  Result<void> write(std::string_view bytes) override { return pack(bytes, ZSTD_e_continue); }
  Result<void> finish() override {
    if (auto packed = pack({}, ZSTD_e_end); !packed) return packed;
    return out_.finish();
  }

 private:
  Result<void> pack(std::string_view bytes, ZSTD_EndDirective end) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::size_t left = 0;
    do {
      ZSTD_outBuffer to{window_.data(), window_.size(), 0};
      left = ZSTD_compressStream2(context_.get(), &to, &in, end);
      if (ZSTD_isError(left) != 0) return error(Code::io, ZSTD_getErrorName(left), "write without .zst");
      if (auto written = out_.write({window_.data(), to.pos}); !written) return written;
    } while (in.pos < in.size || (end == ZSTD_e_end && left != 0));
    return {};
  }

  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  ByteSink& out_;
  std::vector<char> window_;
  std::unique_ptr<ZSTD_CCtx, Free> context_{ZSTD_createCCtx()};
};

class PlainSink final : public ByteSink {
 public:
  explicit PlainSink(ByteSink& out) : out_(out) {}
  Result<void> write(std::string_view bytes) override { return out_.write(bytes); }
  Result<void> finish() override { return out_.finish(); }

 private:
  ByteSink& out_;
};

}  // namespace

std::unique_ptr<ByteSink> packed_sink(ByteSink& out, const std::string& path) {
  if (path.ends_with(".gz")) return std::make_unique<GzipSink>(out);
  if (path.ends_with(".zst")) return std::make_unique<ZstdSink>(out);
  return std::make_unique<PlainSink>(out);
}

}  // namespace kv
