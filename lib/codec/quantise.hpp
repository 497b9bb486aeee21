#pragma once
#include <bit>
#include <cstdint>

#include "codec/bfloat.hpp"

namespace kv {

/// What int8, int4 and fp8 have in common: the elements of a group share one scale, stored as bfloat16; code = element
/// / scale, rounded to nearest even. The scale is the largest finite magnitude of the group / the largest code, rounded
/// up, so that no finite element is cut off. Everything here is the scalar specification; no branches.

/// Bits of |value| where it is finite, else 0. As integers they order like magnitudes.
constexpr std::uint32_t finite_magnitude(float value) {
  const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(value) & 0x7fff'ffff;
  return magnitude < 0x7f80'0000 ? magnitude : 0;
}

/// bfloat16 bits of the scale for a group whose largest finite_magnitude is given; 1 for a group of zeros, and never
/// below 2^-126, so that its inverse is finite.
constexpr std::uint16_t group_scale(std::uint32_t largest_magnitude, float largest_code) {
  constexpr std::uint32_t kOne = 0x3f80, kLeast = 0x0080;
  const auto bits = std::bit_cast<std::uint32_t>(std::bit_cast<float>(largest_magnitude) / largest_code);
  const std::uint32_t up = (bits + 0xffff) >> 16;
  return static_cast<std::uint16_t>(largest_magnitude == 0 ? kOne : up < kLeast ? kLeast : up);
}

/// element x inverse scale -> whole code in [-largest, largest]; infinities are cut off, NaN becomes -largest - 1.
constexpr std::int32_t integer_code(float scaled, std::int32_t largest) {
  constexpr float kWhole = 0x1.8p23F;  // adding it leaves no bits behind the point: rounds to nearest even
  const auto bound = static_cast<float>(largest);
  const float below = scaled > bound ? bound : scaled;
  const float within = below < -bound ? -bound : below;
  const std::int32_t rounded = std::bit_cast<std::int32_t>(within + kWhole) - std::bit_cast<std::int32_t>(kWhole);
  const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(scaled) & 0x7fff'ffff;
  return magnitude > 0x7f80'0000 ? -largest - 1 : rounded;
}

/// code x scale, cut off at the largest finite element of the dtype; NaN stays NaN.
constexpr float descaled(float code, float scale, float largest_element) {
  const float value = code * scale;
  const float below = value > largest_element ? largest_element : value;
  return below < -largest_element ? -largest_element : below;
}

constexpr float float_from_integer_code(std::int32_t code, std::int32_t largest, float scale, float largest_element) {
  const float value = descaled(static_cast<float>(code), scale, largest_element);
  const std::uint32_t bits = code < -largest ? 0x7fc0'0000 : std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>(bits);
}

}  // namespace kv
