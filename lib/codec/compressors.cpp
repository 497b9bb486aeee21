// lz4, zstd, and c-blosc's shuffles in front of them: bytes to fewer bytes.
#include <blosc.h>
#include <fmt/format.h>
#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <type_traits>

#include "codec/rows.hpp"

namespace kv {
namespace {

constexpr std::size_t kMostBytes = LZ4_MAX_INPUT_SIZE;  // 2.1 GB; blosc's is a little more

template <class T>
auto* as(std::span<T> bytes) {
  using Char = std::conditional_t<std::is_const_v<T>, const char, char>;
  return reinterpret_cast<Char*>(bytes.data());
}

int as_int(std::size_t bytes) {
  return static_cast<int>(std::min<std::size_t>(bytes, std::numeric_limits<int>::max()));
}

tl::unexpected<Error> garbled(std::string_view codec, std::string_view why) {
  return error(Code::corrupt, fmt::format("{}: {}", codec, why));
}

tl::unexpected<Error> too_large(std::string_view codec, std::size_t bytes) {
  return error(Code::bad_input, fmt::format("{} takes {} bytes at most, not {}", codec, kMostBytes, bytes),
               "scale payloads down with --bytes-per-token, or cut them with --tp or --layout layer");
}

class Lz4 final : public ByteCodec {
 public:
  std::size_t bound(std::size_t bytes) const override { return bytes + bytes / 255 + 16; }  // LZ4_COMPRESSBOUND
  Result<std::size_t> encode(std::span<const std::byte> in, std::size_t, std::span<std::byte> out) override {
    if (in.size() > kMostBytes) return too_large("lz4", in.size());
    const int n = LZ4_compress_default(as(in), as(out), as_int(in.size()), as_int(out.size()));
    if (n <= 0) return error(Code::io, "lz4 could not compress");
    return static_cast<std::size_t>(n);
  }
  Result<std::size_t> decode(std::span<const std::byte> in, std::span<std::byte> out) override {
    if (in.size() > bound(kMostBytes) || in.empty()) return garbled("lz4", "no body has this size");
    const int n = LZ4_decompress_safe(as(in), as(out), as_int(in.size()), as_int(out.size()));
    if (n < 0) return garbled("lz4", "the body is garbled, or holds more than its payload");
    return static_cast<std::size_t>(n);
  }
};

class Zstd final : public ByteCodec {
 public:
  explicit Zstd(int level) : level_(level), compress_(ZSTD_createCCtx()), decompress_(ZSTD_createDCtx()) {}

  std::size_t bound(std::size_t bytes) const override { return ZSTD_compressBound(bytes); }
  Result<std::size_t> encode(std::span<const std::byte> in, std::size_t, std::span<std::byte> out) override {
    const std::size_t n = ZSTD_compressCCtx(compress_.get(), out.data(), out.size(), in.data(), in.size(), level_);
    if (ZSTD_isError(n) != 0) return error(Code::io, fmt::format("zstd: {}", ZSTD_getErrorName(n)));
    return n;
  }
  Result<std::size_t> decode(std::span<const std::byte> in, std::span<std::byte> out) override {
    const std::size_t n = ZSTD_decompressDCtx(decompress_.get(), out.data(), out.size(), in.data(), in.size());
    if (ZSTD_isError(n) != 0) return garbled("zstd", ZSTD_getErrorName(n));
    return n;
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  int level_;
  std::unique_ptr<ZSTD_CCtx, Free> compress_;
  std::unique_ptr<ZSTD_DCtx, Free> decompress_;
};

/// c-blosc sorts the bytes (or bits) of the elements by significance and compresses what comes out.
class Blosc final : public ByteCodec {
 public:
  Blosc(int shuffle, std::string compressor) : shuffle_(shuffle), compressor_(std::move(compressor)) {}

  std::size_t bound(std::size_t bytes) const override { return bytes + BLOSC_MAX_OVERHEAD; }
  Result<std::size_t> encode(std::span<const std::byte> in, std::size_t element_bytes,
                             std::span<std::byte> out) override {
    if (in.size() > kMostBytes) return too_large("blosc", in.size());
    const int n = blosc_compress_ctx(kLevel, shuffle_, element_bytes, in.size(), in.data(), out.data(), out.size(),
                                     compressor_.c_str(), 0, 1);
    if (n <= 0) return error(Code::io, fmt::format("blosc could not compress with {}", compressor_));
    return static_cast<std::size_t>(n);
  }
  Result<std::size_t> decode(std::span<const std::byte> in, std::span<std::byte> out) override {
    std::size_t bytes = 0;
    if (in.size() < BLOSC_MIN_HEADER_LENGTH || blosc_cbuffer_validate(in.data(), in.size(), &bytes) != 0) {
      return garbled("blosc", "the body is garbled or cut off");
    }
    if (bytes > out.size()) return garbled("blosc", "the body holds more than its payload");
    const int n = blosc_decompress_ctx(in.data(), out.data(), out.size(), 1);
    if (n < 0 || static_cast<std::size_t>(n) != bytes) return garbled("blosc", "the body is garbled");
    return bytes;
  }

 private:
  static constexpr int kLevel = 5;  // blosc's own middle
  int shuffle_;
  std::string compressor_;
};

constexpr std::uint64_t kMostLevel = 19;  // above it zstd wants windows of hundreds of MiB

Result<void> check_level(const OptionValues& options) {
  const std::uint64_t level = options.count("level");
  if (level >= 1 && level <= kMostLevel) return {};
  return error(Code::bad_input, fmt::format("codec zstd:{}: no such level", level), "levels are 1 to 19");
}

Result<void> check_compressor(const OptionValues& options) {
  const std::string name = options.text("compressor");
  if (name == "lz4" || name == "zstd" || name == "blosclz") return {};
  return error(Code::bad_input, fmt::format("codec shuffle: unknown compressor {}", quote(name)),
               "known: lz4, zstd, blosclz");
}

template <int kShuffle>
Result<std::unique_ptr<ByteCodec>> make_blosc(const OptionValues& options) {
  return std::make_unique<Blosc>(kShuffle, options.text("compressor"));
}

const std::vector<OptionRow> kCompressor{
    {"compressor", OptionKind::text, "lz4", "what compresses the sorted bytes: lz4, zstd or blosclz"}};

}  // namespace

const CodecRow kLz4Row{
    .name = "lz4",
    .number = 8,
    .summary = "LZ4, the fastest compressor",
    .options = {},
    .make_bytes = [](const OptionValues&) -> Result<std::unique_ptr<ByteCodec>> { return std::make_unique<Lz4>(); },
};

const CodecRow kZstdRow{
    .name = "zstd",
    .number = 9,
    .summary = "Zstandard",
    .options = {{"level", OptionKind::count, "3", "1 (fast) to 19 (small)"}},
    .make_bytes = [](const OptionValues& options) -> Result<std::unique_ptr<ByteCodec>> {
      return std::make_unique<Zstd>(static_cast<int>(options.count("level")));
    },
    .check = check_level,
};

const CodecRow kShuffleRow{
    .name = "shuffle",
    .number = 10,
    .summary = "bytes of like significance side by side, then compressed (c-blosc)",
    .options = kCompressor,
    .make_bytes = make_blosc<BLOSC_SHUFFLE>,
    .check = check_compressor,
};

const CodecRow kBitShuffleRow{
    .name = "bitshuffle",
    .number = 11,
    .summary = "bits of like significance side by side, then compressed (c-blosc)",
    .options = kCompressor,
    .make_bytes = make_blosc<BLOSC_BITSHUFFLE>,
    .check = check_compressor,
};

}  // namespace kv
