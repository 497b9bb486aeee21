#include "model/element.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace kv {
namespace {

template <class T>
void put(std::byte* to, T bits) {
  std::memcpy(to, &bits, sizeof bits);
}

template <class T>
T get(const std::byte* from) {
  T bits;
  std::memcpy(&bits, from, sizeof bits);
  return bits;
}

/// A binary float of fewer bits: 1 sign bit, `kExponent` and `kMantissa` bits.
template <int kExponent, int kMantissa>
struct SmallFloat {
  static constexpr int kBias = (1 << (kExponent - 1)) - 1;

  /// Magnitude bits of |value|, rounded to nearest even; may carry into the exponent, as it should.
  static std::uint32_t round_magnitude(float magnitude) {
    int exponent = 0;
    std::frexp(magnitude, &exponent);                     // magnitude = f x 2^exponent, 0.5 <= f < 1
    const int scale = std::max(exponent - 1, 1 - kBias);  // subnormals share the smallest exponent
    const double units = std::ldexp(static_cast<double>(magnitude), kMantissa - scale);
    const auto rounded = static_cast<std::uint32_t>(std::nearbyint(units));
    const auto base = static_cast<std::uint32_t>(scale + kBias - 1) << kMantissa;
    return base + rounded;
  }
  static float value(std::uint32_t magnitude) {
    const int exponent = static_cast<int>(magnitude >> kMantissa);
    const auto mantissa = static_cast<double>(magnitude & ((1U << kMantissa) - 1));
    if (exponent == 0) return static_cast<float>(std::ldexp(mantissa, 1 - kBias - kMantissa));
    return static_cast<float>(std::ldexp(mantissa + (1 << kMantissa), exponent - kBias - kMantissa));
  }
};
using Half = SmallFloat<5, 10>;
using E4m3 = SmallFloat<4, 3>;

std::uint16_t to_half(float value) {
  const auto sign = static_cast<std::uint16_t>(std::signbit(value) ? 0x8000 : 0);
  if (std::isnan(value)) return static_cast<std::uint16_t>(sign | 0x7e00);
  if (value == 0) return sign;
  if (std::abs(value) >= 65520.0F) return static_cast<std::uint16_t>(sign | 0x7c00);
  return static_cast<std::uint16_t>(sign | Half::round_magnitude(std::abs(value)));
}

float from_half(std::uint16_t bits) {
  const std::uint32_t magnitude = bits & 0x7fffU;
  float value = magnitude > 0x7c00    ? std::numeric_limits<float>::quiet_NaN()
                : magnitude == 0x7c00 ? std::numeric_limits<float>::infinity()
                                      : Half::value(magnitude);
  return std::copysign(value, (bits & 0x8000U) != 0 ? -1.0F : 1.0F);
}

std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// OCP 8-bit floating point, E4M3 (Micikevicius et al. 2022): no infinities, NaN is S.1111.111, largest value 448.
std::uint8_t to_e4m3(float value) {
  const auto sign = static_cast<std::uint8_t>(std::signbit(value) ? 0x80 : 0);
  if (std::isnan(value)) return static_cast<std::uint8_t>(sign | 0x7f);
  if (value == 0) return sign;
  const float magnitude = std::min(std::abs(value), 448.0F);
  return static_cast<std::uint8_t>(sign | E4m3::round_magnitude(magnitude));
}

float from_e4m3(std::uint8_t bits) {
  const std::uint32_t magnitude = bits & 0x7fU;
  const float value = magnitude == 0x7f ? std::numeric_limits<float>::quiet_NaN() : E4m3::value(magnitude);
  return std::copysign(value, (bits & 0x80U) != 0 ? -1.0F : 1.0F);
}

std::int8_t to_int8(float value) {
  if (std::isnan(value)) return 0;
  return static_cast<std::int8_t>(std::nearbyint(std::clamp(value, -128.0F, 127.0F)));
}

}  // namespace

void store_element(Dtype dtype, float value, std::byte* to) {
  switch (dtype) {
    case Dtype::fp32:
      return put(to, value);
    case Dtype::bf16:
      return put(to, to_bf16(value));
    case Dtype::fp16:
      return put(to, to_half(value));
    case Dtype::fp8_e4m3:
      return put(to, to_e4m3(value));
    case Dtype::int8:
      return put(to, to_int8(value));
  }
}

float load_element(Dtype dtype, const std::byte* from) {
  switch (dtype) {
    case Dtype::fp32:
      return get<float>(from);
    case Dtype::bf16:
      return std::bit_cast<float>(static_cast<std::uint32_t>(get<std::uint16_t>(from)) << 16);
    case Dtype::fp16:
      return from_half(get<std::uint16_t>(from));
    case Dtype::fp8_e4m3:
      return from_e4m3(get<std::uint8_t>(from));
    case Dtype::int8:
      return get<std::int8_t>(from);
  }
  return 0;
}

}  // namespace kv
