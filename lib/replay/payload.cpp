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
  Dtype dtype;
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

/// Bits of each element in a word: its exponent, the lowest bit of that and the sign above it. Adding the two carries
/// into the sign where the exponent is all ones. fp8_e4m3 has one NaN alone: all its bits. int8 has none.
struct ExponentBits {
  std::uint64_t all, lowest, above;
};
constexpr ExponentBits exponent_bits(Dtype dtype) {
  switch (dtype) {
    case Dtype::fp32:
      return {0x7f80'0000'7f80'0000ULL, 0x0080'0000'0080'0000ULL, 0x8000'0000'8000'0000ULL};
    case Dtype::bf16:
      return {0x7f80'7f80'7f80'7f80ULL, 0x0080'0080'0080'0080ULL, 0x8000'8000'8000'8000ULL};
    case Dtype::fp16:
      return {0x7c00'7c00'7c00'7c00ULL, 0x0400'0400'0400'0400ULL, 0x8000'8000'8000'8000ULL};
    case Dtype::fp8_e4m3:
      return {0x7f7f'7f7f'7f7f'7f7fULL, 0x0101'0101'0101'0101ULL, 0x8080'8080'8080'8080ULL};
    case Dtype::int8:
      break;
  }
  return {};
}

/// splitmix64, for what the fold above leaves is no noise: compressors find its sequence.
std::uint64_t noise_word(std::uint64_t weyl, const ExponentBits& exponent) {
  const std::uint64_t word = mix64(weyl);
  const std::uint64_t not_finite = ((word & exponent.all) + exponent.lowest) & exponent.above;
  return word & ~(not_finite >> 1);
}

void make_noise(const Piece& piece, std::byte* out) {
  const ExponentBits exponent = exponent_bits(piece.dtype);
  std::uint64_t weyl = piece.weyl;
  for (std::size_t at = 0; at < piece.bytes; at += 8, weyl += kWeyl) {
    const std::uint64_t word = noise_word(weyl, exponent);
    std::memcpy(out + at, &word, std::min<std::size_t>(8, piece.bytes - at));
  }
}

bool is_noise(const Piece& piece, const std::byte* got) {
  const ExponentBits exponent = exponent_bits(piece.dtype);
  const std::size_t words = piece.bytes / 8, rest = piece.bytes % 8;
  std::uint64_t weyl = piece.weyl, different = 0;
  for (std::size_t w = 0; w < words; ++w, weyl += kWeyl) different |= noise_word(weyl, exponent) ^ word_at(got + w * 8);
  const std::uint64_t last = noise_word(weyl, exponent);
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

/// Whole rows of channels.
void fill_like_kv(const PayloadShape& shape, bool keys, std::span<std::byte> elements) {
  const std::size_t element = dtype_bytes(shape.dtype), row = shape.channels * element;
  Random random(mix64(shape.channels, keys));
  std::vector<double> scale(shape.channels);
  for (double& s : scale) {
    s = std::exp(0.5 * normal(random));
    if (keys && random.uniform() < kOutlierShare) s *= kOutlierScale;
    if (shape.dtype == Dtype::int8) s *= 24;
  }
  for (std::size_t r = 0; r < elements.size(); r += row) {
    for (std::size_t c = 0; c < shape.channels; ++c) {
      store_element(shape.dtype, static_cast<float>(scale[c] * normal(random)), &elements[r + c * element]);
    }
  }
}

}  // namespace

PayloadSource::PayloadSource(std::span<const PayloadShape> shapes, const PayloadContent& content)
    : kind_(content.kind) {
  for (const PayloadShape& shape : shapes) {
    for (std::uint32_t plane = 0; plane < shape.planes; ++plane) {
      add_tile(shape, payload_plane(shape, plane), content);
    }
  }
}

void PayloadSource::add_tile(const PayloadShape& shape, PayloadPlane plane, const PayloadContent& content) {
  for (const Tile& t : tiles_) {
    if (t.dtype == shape.dtype && t.channels == shape.channels && t.plane == plane) return;
  }
  Tile tile{shape.dtype, shape.channels, plane, nullptr, 0};
  const std::size_t row = shape.channels * dtype_bytes(shape.dtype);
  if (kind_ == PayloadKind::file) {
    const auto found = std::find_if(content.streams.begin(), content.streams.end(), [&](const PayloadStream& stream) {
      return stream.dtype == shape.dtype && stream.plane == plane;
    });
    assert(found != content.streams.end() && found->bytes->size() >= row && "the file was read for other shapes");
    tile.bytes = found->bytes->size() / row * row;
    tile.elements = found->bytes;
  } else {
    std::vector<std::byte> elements(std::max<std::size_t>(kTileBytes / row, 16) * row);
    if (kind_ == PayloadKind::kv) fill_like_kv(shape, plane == PayloadPlane::keys, elements);
    tile.bytes = elements.size();
    tile.elements = std::make_shared<const std::vector<std::byte>>(std::move(elements));
  }
  tiles_.push_back(std::move(tile));
}

const PayloadSource::Tile& PayloadSource::tile(const PayloadShape& shape, std::uint32_t plane) const {
  const PayloadPlane which = payload_plane(shape, plane);
  const auto found = std::find_if(tiles_.begin(), tiles_.end(), [&](const Tile& t) {
    return t.dtype == shape.dtype && t.channels == shape.channels && t.plane == which;
  });
  assert(found != tiles_.end() && "shape was not announced to the constructor");
  return *found;
}

template <class Visit>
bool PayloadSource::each_piece(const Key& key, std::uint32_t part, const PayloadShape& shape, Visit&& visit) const {
  const std::size_t row = shape.channels * dtype_bytes(shape.dtype), region = shape.tokens * row;
  const std::uint64_t mask = kind_ == PayloadKind::kv ? noise_mask(shape.dtype) : 0;
  for (std::uint32_t index = 0; index < shape.layers * shape.planes; ++index) {
    const Tile& from = tile(shape, index % shape.planes);
    const std::uint64_t seed = region_seed(key, part, index);
    std::size_t in_tile = (mix64(seed) % (from.bytes / row)) * row;
    std::uint64_t weyl = seed * kWeyl;
    for (std::size_t at = 0; at < region;) {
      const std::size_t bytes = std::min({region - at, from.bytes - in_tile, kPieceBytes});
      if (!visit(Piece{index * region + at, bytes, from.elements->data() + in_tile, weyl, mask, shape.dtype}))
        return false;
      weyl += (bytes / 8 + 1) * kWeyl;
      at += bytes;
      in_tile = (in_tile + bytes) % from.bytes;
    }
  }
  return true;
}

void PayloadSource::fill(const Key& key, std::uint32_t part, const PayloadShape& shape,
                         std::span<std::byte> payload) const {
  assert(payload.size() == shape.bytes().count());
  const auto write = kind_ == PayloadKind::noise ? make_noise : make;
  each_piece(key, part, shape, [payload, write](const Piece& piece) {
    write(piece, payload.data() + piece.at);
    return true;
  });
}

bool PayloadSource::verify(const Key& key, std::uint32_t part, const PayloadShape& shape,
                           std::span<const std::byte> payload, const Codec& codec,
                           std::vector<std::byte>& scratch) const {
  if (payload.size() != shape.bytes().count()) return false;
  if (codec.tolerance(shape.dtype).exact()) {
    const auto fits = kind_ == PayloadKind::noise ? is_noise : is_made_of;
    return each_piece(key, part, shape,
                      [payload, fits](const Piece& piece) { return fits(piece, payload.data() + piece.at); });
  }
  scratch.resize(payload.size());
  fill(key, part, shape, scratch);
  return codec.accepts(shape, scratch, payload);
}

}  // namespace kv
