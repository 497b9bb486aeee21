#include <doctest/doctest.h>
#include <zstd.h>

#include <array>
#include <cmath>
#include <set>

#include "model/element.hpp"
#include "replay/payload.hpp"

using namespace kv;

namespace {

PayloadShape shape_of(Dtype dtype, std::uint32_t layers, std::uint32_t planes, std::uint64_t tokens,
                      std::uint64_t channels) {
  return {dtype, layers, planes, tokens, channels};
}

std::vector<std::byte> make(const PayloadSource& source, const Key& key, std::uint32_t part,
                            const PayloadShape& shape) {
  std::vector<std::byte> out(shape.bytes().count());
  source.fill(key, part, shape, out);
  return out;
}

/// Judges as a codec of this relative tolerance does; none: bit for bit.
class Within final : public Codec {
 public:
  explicit Within(double relative = 0) : relative_(relative) {}
  std::size_t bound(const PayloadShape&) const override { return 0; }
  Tolerance tolerance(Dtype) const override { return {.relative = relative_}; }
  Result<std::size_t> encode(const PayloadShape&, std::span<const std::byte>, std::span<std::byte>) override {
    return 0;
  }
  Result<void> decode(const PayloadShape&, std::span<const std::byte>, std::span<std::byte>) override { return {}; }

 private:
  double relative_;
};

}  // namespace

TEST_SUITE("payload") {
  TEST_CASE("the same key gives the same bytes, every other key, part or block others") {
    const PayloadShape shape = shape_of(Dtype::bf16, 2, 2, 16, 64);
    const PayloadSource one(std::array{shape}), another(std::array{shape});
    std::set<std::vector<std::byte>> seen;
    for (std::uint64_t space : {1, 2}) {
      for (std::uint64_t block : {0, 1, 2, 1 << 20}) {
        for (std::uint32_t part : {0, 1}) {
          const auto bytes = make(one, {space, block}, part, shape);
          CHECK(bytes == make(another, {space, block}, part, shape));
          CHECK(seen.insert(bytes).second);
        }
      }
    }
  }

  TEST_CASE("verification finds a single flipped bit anywhere, and a value of another key") {
    for (const Dtype dtype : all_dtypes()) {
      const PayloadShape shape = shape_of(dtype, 3, 2, 5, 7);
      const PayloadSource source(std::array{shape});
      std::vector<std::byte> scratch;
      auto bytes = make(source, {9, 9}, 0, shape);
      CHECK(source.verify({9, 9}, 0, shape, bytes, Within(), scratch));
      CHECK_FALSE(source.verify({9, 8}, 0, shape, bytes, Within(), scratch));
      CHECK_FALSE(source.verify({9, 9}, 1, shape, bytes, Within(), scratch));
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] ^= std::byte{1};
        REQUIRE_FALSE(source.verify({9, 9}, 0, shape, bytes, Within(), scratch));
        bytes[i] ^= std::byte{1};
      }
      bytes.pop_back();
      CHECK_FALSE(source.verify({9, 9}, 0, shape, bytes, Within(), scratch));
    }
  }

  TEST_CASE("a region that is longer than the tile, of a size that no word divides, is checked to its last byte") {
    const PayloadShape shape = shape_of(Dtype::int8, 1, 2, 40001, 7);  // 280,007 bytes a region, tiles of some 128 KiB
    const PayloadSource source(std::array{shape});
    std::vector<std::byte> scratch;
    auto bytes = make(source, {4, 2}, 0, shape);
    REQUIRE(source.verify({4, 2}, 0, shape, bytes, Within(), scratch));
    REQUIRE(source.verify({4, 2}, 0, shape, bytes, Within(0.001), scratch));
    for (std::size_t at = 0; at < bytes.size(); at += at % 2 == 0 ? 1021 : 1) {
      bytes[at] ^= std::byte{1};
      CHECK_FALSE(source.verify({4, 2}, 0, shape, bytes, Within(), scratch));
      bytes[at] ^= std::byte{1};
    }
    bytes.back() ^= std::byte{1};
    CHECK_FALSE(source.verify({4, 2}, 0, shape, bytes, Within(), scratch));
  }

  TEST_CASE("a declared tolerance is kept, and no more than that") {
    const PayloadShape shape = shape_of(Dtype::fp32, 1, 2, 8, 16);
    const PayloadSource source(std::array{shape});
    std::vector<std::byte> scratch;
    auto bytes = make(source, {1, 1}, 0, shape);
    for (std::size_t at = 0; at < bytes.size(); at += 4) {
      store_element(Dtype::fp32, load_element(Dtype::fp32, &bytes[at]) * 1.0005F, &bytes[at]);
    }
    CHECK(source.verify({1, 1}, 0, shape, bytes, Within(0.001), scratch));
    CHECK_FALSE(source.verify({1, 1}, 0, shape, bytes, Within(0.0001), scratch));
  }

  TEST_CASE("every element is finite, and K has channels an order of magnitude above the others") {
    const PayloadShape shape = shape_of(Dtype::bf16, 1, 2, 256, 1024);
    const PayloadSource source(std::array{shape});
    const auto bytes = make(source, {3, 4}, 0, shape);
    std::array<std::vector<double>, 2> scale;
    for (std::size_t plane = 0; plane < 2; ++plane) {
      scale[plane].assign(shape.channels, 0);
      for (std::size_t t = 0; t < shape.tokens; ++t) {
        for (std::size_t c = 0; c < shape.channels; ++c) {
          const float v = load_element(Dtype::bf16, &bytes[((plane * shape.tokens + t) * shape.channels + c) * 2]);
          REQUIRE(std::isfinite(v));
          scale[plane][c] += std::abs(v) / static_cast<double>(shape.tokens);
        }
      }
      std::sort(scale[plane].begin(), scale[plane].end());
    }
    const auto largest_to_median = [](const std::vector<double>& s) { return s.back() / s[s.size() / 2]; };
    CHECK(largest_to_median(scale[0]) > 10);
    CHECK(largest_to_median(scale[1]) < 10);
  }

  TEST_CASE("a general compressor gains about what it gains on real bf16 KV: some of the exponents, none of the rest") {
    const PayloadShape shape = shape_of(Dtype::bf16, 4, 2, 512, 256);
    const PayloadSource source(std::array{shape});
    const auto bytes = make(source, {5, 6}, 0, shape);
    std::vector<std::byte> packed(ZSTD_compressBound(bytes.size()));
    const std::size_t size = ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 3);
    const double ratio = static_cast<double>(bytes.size()) / static_cast<double>(size);
    MESSAGE("zstd:3 ratio " << ratio);
    CHECK(ratio > 1.05);
    CHECK(ratio < 1.6);
  }
}
