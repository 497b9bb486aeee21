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
constexpr std::size_t kPieceBytes = std::size_t{16} << 10;  // stays in the first-level cache
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

/// Cheap noise that vectorises: a Weyl sequence, which needs an addition a word, high half folded into the low one.
constexpr std::uint64_t kWeyl = 0x9e3779b97f4a7c15ULL;
constexpr std::uint64_t folded(std::uint64_t weyl) { return weyl ^ (weyl >> 29); }

std::uint64_t word_at(const std::byte* bytes, std::size_t size = 8) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, size);
  return word;
}

/// A stretch of a region that lies in one stretch of the tile: whole words, but for the region's last one.
struct Piece {
  std::size_t at, bytes;  // in the region
  const std::byte* tile;
  std::uint64_t weyl, mask;  // the noise of its first word; what of the noise is used
};

void make(const Piece& piece, std::byte* out) {
  const std::size_t words = piece.bytes / 8, rest = piece.bytes % 8;
  std::uint64_t weyl = piece.weyl;
  for (std::size_t w = 0; w < words; ++w, weyl += kWeyl) {
    const std::uint64_t word = word_at(piece.tile + w * 8) ^ (folded(weyl) & piece.mask);
    std::memcpy(out + w * 8, &word, 8);
  }
  const std::uint64_t last = word_at(piece.tile + words * 8, rest) ^ (folded(weyl) & piece.mask);
  std::memcpy(out + words * 8, &last, rest);
}

/// Whether `got` is what make() would write, which is never written: reading is all that it costs.
bool is_made_of(const Piece& piece, const std::byte* got) {
  const std::size_t words = piece.bytes / 8, rest = piece.bytes % 8;
  std::uint64_t weyl = piece.weyl, different = 0;
  for (std::size_t w = 0; w < words; ++w, weyl += kWeyl) {
    different |= word_at(piece.tile + w * 8) ^ (folded(weyl) & piece.mask) ^ word_at(got + w * 8);
  }
  const std::uint64_t last = word_at(piece.tile + words * 8, rest) ^ (folded(weyl) & piece.mask);
  return different == 0 && std::memcmp(&last, got + words * 8, rest) == 0;
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

template <class Visit>
bool PayloadSource::each_piece(const Key& key, std::uint32_t part, const PayloadShape& shape, Visit&& visit) const {
  const std::size_t row = shape.channels * dtype_bytes(shape.dtype), region = shape.tokens * row;
  const std::uint64_t mask = noise_mask(shape.dtype);
  for (std::uint32_t index = 0; index < shape.layers * shape.planes; ++index) {
    const Tile& from = tile(shape, index % shape.planes);
    const std::uint64_t seed = region_seed(key, part, index);
    std::size_t in_tile = (mix64(seed) % (from.bytes.size() / row)) * row;
    std::uint64_t weyl = seed * kWeyl;
    for (std::size_t at = 0; at < region;) {
      const std::size_t bytes = std::min({region - at, from.bytes.size() - in_tile, kPieceBytes});
      if (!visit(Piece{index * region + at, bytes, from.bytes.data() + in_tile, weyl, mask})) return false;
      weyl += (bytes / 8 + 1) * kWeyl;
      at += bytes;
      in_tile = (in_tile + bytes) % from.bytes.size();
    }
  }
  return true;
}

void PayloadSource::fill(const Key& key, std::uint32_t part, const PayloadShape& shape,
                         std::span<std::byte> payload) const {
  assert(payload.size() == shape.bytes().count());
  each_piece(key, part, shape, [payload](const Piece& piece) {
    make(piece, payload.data() + piece.at);
    return true;
  });
}

bool PayloadSource::verify(const Key& key, std::uint32_t part, const PayloadShape& shape,
                           std::span<const std::byte> payload, const Codec& codec,
                           std::vector<std::byte>& scratch) const {
  if (payload.size() != shape.bytes().count()) return false;
  if (codec.tolerance(shape.dtype).exact()) {
    return each_piece(key, part, shape,
                      [payload](const Piece& piece) { return is_made_of(piece, payload.data() + piece.at); });
  }
  scratch.resize(payload.size());
  fill(key, part, shape, scratch);
  return codec.accepts(shape, scratch, payload);
}

}  // namespace kv
