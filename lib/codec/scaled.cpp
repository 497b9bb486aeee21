#include "codec/scaled.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "codec/kernels.hpp"
#include "codec/quantise.hpp"
#include "codec/rows.hpp"
#include "model/element.hpp"

namespace kv {
namespace {

constexpr std::size_t kTileElements = 4096;  // as floats in the first-level cache
constexpr std::size_t kScaleBytes = 2;

float largest_element(Dtype dtype) {
  return dtype == Dtype::fp16 ? 65504.0F : dtype == Dtype::bf16 ? 0x1.fep127F : 0x1.fffffep127F;
}

void write_scale(std::byte* to, std::uint16_t bits) {
  to[0] = static_cast<std::byte>(bits & 0xff);
  to[1] = static_cast<std::byte>(bits >> 8);
}

float read_scale(const std::byte* from) {
  return float_from_bf16(
      static_cast<std::uint16_t>(std::to_integer<unsigned>(from[0]) | std::to_integer<unsigned>(from[1]) << 8));
}

/// fp32 payloads are read and written where they lie, if they lie as floats must.
bool is_floats(Dtype dtype, const void* at) {
  return dtype == Dtype::fp32 && reinterpret_cast<std::uintptr_t>(at) % alignof(float) == 0;
}

/// The groups of one region.
struct Region {
  Grouping grouping;
  std::size_t tokens, channels, group;  // group: elements of each, but for the last of runs

  std::size_t elements() const { return tokens * channels; }
  std::size_t groups() const { return group == 0 ? 0 : ceil_div(elements(), group); }
  /// Rows of channels, or as many whole groups, that fit a tile; at least one.
  std::size_t tile() const { return std::max(kTileElements / std::max<std::size_t>(group, 1), std::size_t{1}) * group; }
};

class Scaled final : public Codec {
 public:
  explicit Scaled(const ScaledFormat& format) : format_(format) {}

  std::size_t bound(const PayloadShape& shape) const override {
    if (identity(shape)) return shape.bytes().count();
    std::size_t bytes = 0;
    for (std::uint32_t plane = 0; plane < shape.planes; ++plane) bytes += body_bytes(region(shape, plane));
    return bytes * shape.layers;
  }
  bool identity(const PayloadShape& shape) const override { return dtype_bytes(shape.dtype) == 1; }
  std::size_t element_bytes(const PayloadShape&) const override { return 1; }
  Tolerance tolerance(Dtype dtype) const override;
  bool accepts(const PayloadShape& shape, std::span<const std::byte> want,
               std::span<const std::byte> got) const override;
  Result<std::size_t> encode(const PayloadShape& shape, std::span<const std::byte> payload,
                             std::span<std::byte> body) override;
  Result<void> decode(const PayloadShape& shape, std::span<const std::byte> body,
                      std::span<std::byte> payload) override;

 private:
  Region region(const PayloadShape& shape, std::uint32_t plane) const {
    const std::size_t tokens = shape.tokens, channels = shape.channels;
    if (!format_.keys_by_channel) return {Grouping::runs, tokens, channels, format_.run};
    if (shape.planes == 2 && plane == 0) return {Grouping::channels, tokens, channels, tokens};
    return {Grouping::rows, tokens, channels, channels};
  }
  std::size_t code_bytes(const Region& region) const {
    if (format_.codes.codes_per_byte == 1) return region.elements();
    const std::size_t whole = region.elements() / region.group, rest = region.elements() % region.group;
    return whole * ceil_div(region.group, 2) + ceil_div(rest, 2);
  }
  std::size_t body_bytes(const Region& region) const { return region.groups() * kScaleBytes + code_bytes(region); }

  void encode_groups(const Region& region, Dtype dtype, const std::byte* payload, std::byte* body);
  void decode_groups(const Region& region, Dtype dtype, const std::byte* body, std::byte* payload);
  void encode_columns(const Region& region, Dtype dtype, const std::byte* payload, std::byte* body);
  void decode_columns(const Region& region, Dtype dtype, const std::byte* body, std::byte* payload);
  void reserve(const Region& region);
  const float* load(Dtype dtype, const std::byte* from, std::size_t count) {
    if (is_floats(dtype, from)) return reinterpret_cast<const float*>(from);
    kernels::load_floats(dtype, from, tile_.data(), count);
    return tile_.data();
  }
  /// Where `count` elements for `to` are to be made; store() brings them there.
  float* room(Dtype dtype, std::byte* to) { return is_floats(dtype, to) ? reinterpret_cast<float*>(to) : tile_.data(); }
  void store(Dtype dtype, std::byte* to, std::size_t count) const {
    if (!is_floats(dtype, to)) kernels::store_floats(dtype, tile_.data(), to, count);
  }

  ScaledFormat format_;
  std::vector<float> tile_, scale_;
  std::vector<std::uint32_t> largest_;
};

/// Half a code of a scale that is at most largest / largest_code x (1 + 2^-7), rounding up to 8 bits; then the
/// payload's own rounding. The scale is no smaller than 2^-126.
Tolerance Scaled::tolerance(Dtype dtype) const {
  if (dtype_bytes(dtype) == 1) return {};
  const double own = dtype == Dtype::bf16 ? 0x1p-8 : dtype == Dtype::fp16 ? 0x1p-11 : 0x1p-23;
  const ScaledCodes& codes = format_.codes;
  const double step = (1 + 0x1p-7) / codes.largest_code;
  Tolerance out;
  out.absolute = (dtype == Dtype::fp16 ? 0x1p-25 : 0) + 0x1p-126;
  if (codes.relative) {
    out.relative = codes.error * (1 + own) + own;
    out.of_group = 0x1p-10 * step;  // half of the smallest subnormal code, 2^-9
  } else {
    out.relative = own;
    out.of_group = codes.error * step * (1 + 2 * own);
  }
  return out;
}

bool Scaled::accepts(const PayloadShape& shape, std::span<const std::byte> want, std::span<const std::byte> got) const {
  if (identity(shape)) return Codec::accepts(shape, want, got);
  const Tolerance allowed = tolerance(shape.dtype);
  const std::size_t element = dtype_bytes(shape.dtype), elements = shape.tokens * shape.channels;
  const auto each = [&](std::size_t base, std::size_t first, std::size_t count, std::size_t stride, auto&& visit) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = (base + first + i * stride) * element;
      if (!visit(load_element(shape.dtype, &want[at]), load_element(shape.dtype, &got[at]))) return false;
    }
    return true;
  };
  for (std::uint32_t index = 0; index < shape.layers * shape.planes; ++index) {
    const Region of = region(shape, index % shape.planes);
    const bool columns = of.grouping == Grouping::channels;
    for (std::size_t group = 0; group < of.groups(); ++group) {
      const std::size_t first = columns ? group : group * of.group, stride = columns ? of.channels : 1;
      const std::size_t count = columns ? of.tokens : std::min(of.group, elements - first);
      double most = 0;
      each(index * elements, first, count, stride, [&](float w, float) {
        if (std::isfinite(w)) most = std::max<double>(most, std::abs(w));
        return true;
      });
      const bool close =
          each(index * elements, first, count, stride, [&](float w, float g) { return allowed.accepts(w, g, most); });
      if (!close) return false;
    }
  }
  return true;
}

void Scaled::reserve(const Region& region) {
  const std::size_t tile = region.grouping == Grouping::channels ? region.channels : region.tile();
  const std::size_t groups =
      region.grouping == Grouping::channels ? region.channels : tile / std::max<std::size_t>(region.group, 1);
  if (tile_.size() < tile) tile_.resize(tile);
  if (scale_.size() < groups) scale_.resize(groups), largest_.resize(groups);
}

void Scaled::encode_groups(const Region& region, Dtype dtype, const std::byte* payload, std::byte* body) {
  std::byte* codes = body + region.groups() * kScaleBytes;
  for (std::size_t at = 0; at < region.elements(); at += region.tile()) {
    const std::size_t count = std::min(region.tile(), region.elements() - at);
    const std::size_t groups = ceil_div(count, region.group);
    const float* from = load(dtype, payload + at * dtype_bytes(dtype), count);
    kernels::group_magnitudes(from, count, region.group, largest_.data());
    for (std::size_t i = 0; i < groups; ++i) {
      const std::uint16_t scale = group_scale(largest_[i], format_.codes.largest_code);
      write_scale(body + (at / region.group + i) * kScaleBytes, scale);
      scale_[i] = 1 / float_from_bf16(scale);
    }
    format_.codes.encode(from, count, region.group, scale_.data(), codes);
    codes += format_.codes.codes_per_byte == 1 ? count : count / region.group * ceil_div(region.group, 2);
  }
}

void Scaled::decode_groups(const Region& region, Dtype dtype, const std::byte* body, std::byte* payload) {
  const std::byte* codes = body + region.groups() * kScaleBytes;
  for (std::size_t at = 0; at < region.elements(); at += region.tile()) {
    const std::size_t count = std::min(region.tile(), region.elements() - at);
    const std::size_t groups = ceil_div(count, region.group);
    for (std::size_t i = 0; i < groups; ++i) scale_[i] = read_scale(body + (at / region.group + i) * kScaleBytes);
    std::byte* to = payload + at * dtype_bytes(dtype);
    format_.codes.decode(codes, count, region.group, scale_.data(), largest_element(dtype), room(dtype, to));
    codes += format_.codes.codes_per_byte == 1 ? count : count / region.group * ceil_div(region.group, 2);
    store(dtype, to, count);
  }
}

void Scaled::encode_columns(const Region& region, Dtype dtype, const std::byte* payload, std::byte* body) {
  const std::size_t row_bytes = region.channels * dtype_bytes(dtype);
  std::fill_n(largest_.begin(), region.channels, 0U);
  for (std::size_t token = 0; token < region.tokens; ++token) {
    kernels::column_magnitudes(load(dtype, payload + token * row_bytes, region.channels), largest_.data(),
                               region.channels);
  }
  for (std::size_t i = 0; i < region.channels; ++i) {
    const std::uint16_t scale = group_scale(largest_[i], format_.codes.largest_code);
    write_scale(body + i * kScaleBytes, scale);
    scale_[i] = 1 / float_from_bf16(scale);
  }
  std::byte* codes = body + region.channels * kScaleBytes;
  for (std::size_t token = 0; token < region.tokens; ++token) {
    const float* row = load(dtype, payload + token * row_bytes, region.channels);
    kernels::int8_from_columns(row, scale_.data(), codes + token * region.channels, region.channels);
  }
}

void Scaled::decode_columns(const Region& region, Dtype dtype, const std::byte* body, std::byte* payload) {
  for (std::size_t i = 0; i < region.channels; ++i) scale_[i] = read_scale(body + i * kScaleBytes);
  const std::byte* codes = body + region.channels * kScaleBytes;
  for (std::size_t token = 0; token < region.tokens; ++token) {
    std::byte* to = payload + token * region.channels * dtype_bytes(dtype);
    kernels::columns_from_int8(codes + token * region.channels, scale_.data(), largest_element(dtype), room(dtype, to),
                               region.channels);
    store(dtype, to, region.channels);
  }
}

Result<std::size_t> Scaled::encode(const PayloadShape& shape, std::span<const std::byte> payload,
                                   std::span<std::byte> body) {
  assert(payload.size() == shape.bytes().count() && body.size() >= bound(shape));
  if (identity(shape)) {
    std::copy(payload.begin(), payload.end(), body.begin());
    return payload.size();
  }
  if (payload.empty()) return 0;  // no tokens: no scales either
  std::byte* to = body.data();
  const std::size_t step = shape.tokens * shape.channels * dtype_bytes(shape.dtype);
  for (std::uint32_t index = 0; index < shape.layers * shape.planes; ++index) {
    const Region of = region(shape, index % shape.planes);
    reserve(of);
    const std::byte* from = payload.data() + index * step;
    if (of.grouping == Grouping::channels) {
      encode_columns(of, shape.dtype, from, to);
    } else {
      encode_groups(of, shape.dtype, from, to);
    }
    to += body_bytes(of);
  }
  return static_cast<std::size_t>(to - body.data());
}

Result<void> Scaled::decode(const PayloadShape& shape, std::span<const std::byte> body, std::span<std::byte> payload) {
  if (identity(shape)) return copy_exactly(body, payload);
  if (auto ok = check_body(*this, format_.name, shape, body, payload); !ok) return ok;
  if (payload.empty()) return {};
  const std::byte* from = body.data();
  const std::size_t step = shape.tokens * shape.channels * dtype_bytes(shape.dtype);
  for (std::uint32_t index = 0; index < shape.layers * shape.planes; ++index) {
    const Region of = region(shape, index % shape.planes);
    reserve(of);
    std::byte* to = payload.data() + index * step;
    if (of.grouping == Grouping::channels) {
      decode_columns(of, shape.dtype, from, to);
    } else {
      decode_groups(of, shape.dtype, from, to);
    }
    from += body_bytes(of);
  }
  return {};
}

}  // namespace

std::unique_ptr<Codec> make_scaled(const ScaledFormat& format) { return std::make_unique<Scaled>(format); }

}  // namespace kv
