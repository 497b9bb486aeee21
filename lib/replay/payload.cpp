#include "replay/payload.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "base/random.hpp"
#include "model/element.hpp"

namespace kv {
namespace {

constexpr std::size_t kTileBytes = std::size_t{128} << 10;  // stays in the second-level cache
constexpr double kOutlierShare = 0.01, kOutlierScale = 12;

/// The mantissa bits of each element in a 64-bit word that are made random per element.
std::uint64_t noise_mask(Dtype dtype) {
  switch (dtype) {
    case Dtype::fp32:
      return 0x0007'ffff'0007'ffffULL;
    case Dtype::bf16:
      return 0x000f'000f'000f'000fULL;
    case Dtype::fp16:
      return 0x007f'007f'007f'007fULL;
    case Dtype::fp8_e4m3:
      return 0x0303'0303'0303'0303ULL;
    case Dtype::int8:
      return 0x0707'0707'0707'0707ULL;
  }
  return 0;
}

/// Cheap noise that vectorises: Weyl sequence times an odd constant, high half folded into the low one.
std::uint64_t noise(std::uint64_t counter) {
  const std::uint64_t x = counter * 0x9e3779b97f4a7c15ULL;
  return x ^ (x >> 29);
}

/// Standard normal enough for a payload: the sum of twelve uniforms, less six.
double normal(Random& random) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += random.uniform();
  return sum;
}

std::uint64_t region_seed(const Key& key, std::uint32_t part, std::uint64_t region) {
  return mix64(mix64(key.space, key.block), (std::uint64_t{part} << 32) | region);
}

}  // namespace

PayloadSource::PayloadSource(std::span<const PayloadShape> shapes) {
  for (const PayloadShape& shape : shapes) {
    add_tile(shape, false);
    if (shape.planes == 2) add_tile(shape, true);
  }
}

void PayloadSource::add_tile(const PayloadShape& shape, bool keys) {
  for (const Tile& t : tiles_) {
    if (t.dtype == shape.dtype && t.channels == shape.channels && t.keys == keys) return;
  }
  Tile tile{shape.dtype, shape.channels, keys, {}};
  const std::size_t element = dtype_bytes(shape.dtype);
  const std::size_t row = shape.channels * element;
  const std::size_t rows = std::max<std::size_t>(kTileBytes / row, 16);
  tile.bytes.resize(rows * row);
  Random random(mix64(shape.channels, keys));
  std::vector<double> scale(shape.channels);
  for (double& s : scale) {
    s = std::exp(0.5 * normal(random));
    if (keys && random.uniform() < kOutlierShare) s *= kOutlierScale;
    if (shape.dtype == Dtype::int8) s *= 24;
  }
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < shape.channels; ++c) {
      store_element(shape.dtype, static_cast<float>(scale[c] * normal(random)), &tile.bytes[r * row + c * element]);
    }
  }
  tiles_.push_back(std::move(tile));
}

const PayloadSource::Tile& PayloadSource::tile(const PayloadShape& shape, std::uint32_t plane) const {
  const bool keys = shape.planes == 2 && plane == 0;
  const auto found = std::find_if(tiles_.begin(), tiles_.end(), [&](const Tile& t) {
    return t.dtype == shape.dtype && t.channels == shape.channels && t.keys == keys;
  });
  assert(found != tiles_.end() && "shape was not announced to the constructor");
  return *found;
}

void PayloadSource::fill_region(const Tile& tile, std::uint64_t seed, std::span<std::byte> region) const {
  const std::uint64_t mask = noise_mask(tile.dtype);
  const std::size_t row = tile.channels * dtype_bytes(tile.dtype);
  std::size_t from = (mix64(seed) % (tile.bytes.size() / row)) * row;
  std::uint64_t counter = seed;
  for (std::size_t at = 0; at < region.size();) {
    const std::size_t run = std::min(region.size() - at, tile.bytes.size() - from);
    const std::byte* in = tile.bytes.data() + from;
    std::byte* out = region.data() + at;
    const std::size_t words = run / 8;
    for (std::size_t w = 0; w < words; ++w) {
      std::uint64_t word;
      std::memcpy(&word, in + w * 8, 8);
      word ^= noise(counter + w) & mask;
      std::memcpy(out + w * 8, &word, 8);
    }
    if (const std::size_t rest = run % 8; rest != 0) {
      std::uint64_t word = 0;
      std::memcpy(&word, in + words * 8, rest);
      word ^= noise(counter + words) & mask;
      std::memcpy(out + words * 8, &word, rest);
    }
    counter += words + 1;
    at += run;
    from = 0;
  }
}

void PayloadSource::fill(const Key& key, std::uint32_t part, const PayloadShape& shape,
                         std::span<std::byte> payload) const {
  assert(payload.size() == shape.bytes().count());
  const std::size_t region = shape.tokens * shape.channels * dtype_bytes(shape.dtype);
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer) {
    for (std::uint32_t plane = 0; plane < shape.planes; ++plane) {
      const std::uint64_t index = std::uint64_t{layer} * shape.planes + plane;
      fill_region(tile(shape, plane), region_seed(key, part, index), payload.subspan(index * region, region));
    }
  }
}

bool PayloadSource::verify(const Key& key, std::uint32_t part, const PayloadShape& shape,
                           std::span<const std::byte> payload, const Tolerance& tolerance,
                           std::vector<std::byte>& scratch) const {
  if (payload.size() != shape.bytes().count()) return false;
  const bool exact = tolerance.exact();
  const std::size_t region = shape.tokens * shape.channels * dtype_bytes(shape.dtype);
  const std::size_t element = dtype_bytes(shape.dtype);
  scratch.resize(region);
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer) {
    for (std::uint32_t plane = 0; plane < shape.planes; ++plane) {
      const std::uint64_t index = std::uint64_t{layer} * shape.planes + plane;
      fill_region(tile(shape, plane), region_seed(key, part, index), scratch);
      const std::byte* got = payload.data() + index * region;
      if (exact) {
        if (std::memcmp(got, scratch.data(), region) != 0) return false;
        continue;
      }
      for (std::size_t at = 0; at < region; at += element) {
        if (!tolerance.accepts(load_element(shape.dtype, &scratch[at]), load_element(shape.dtype, got + at)))
          return false;
      }
    }
  }
  return true;
}

}  // namespace kv
