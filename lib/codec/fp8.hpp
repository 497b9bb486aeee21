#pragma once
#include <bit>
#include <cstdint>

namespace kv {

/// IEEE binary32 -> FP8 E4M3 (OCP 8-bit floating point, 2023: bias 7, no infinities, largest 448), to nearest, ties to
/// even; beyond 448, infinities included, to 448 of that sign; NaN stays NaN. No branches.
constexpr std::uint8_t fp8_from_float(float value) {
  constexpr std::int32_t kLargest = 0x7e, kNan = 0x7f, kSmallestNormal = (127 - 6) << 23;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto magnitude = static_cast<std::int32_t>(bits & 0x7fff'ffff);
  const std::int32_t normal = (magnitude - ((127 - 7) << 23) + 0x7'ffff + ((magnitude >> 20) & 1)) >> 20;
  // One ulp of 2^14 is the step of the subnormals, 2^-9: the addition rounds as required.
  const float aligned = std::bit_cast<float>(magnitude) + 0x1p14F;
  const std::int32_t subnormal = std::bit_cast<std::int32_t>(aligned) - std::bit_cast<std::int32_t>(0x1p14F);
  const std::int32_t rounded = magnitude < kSmallestNormal ? subnormal : normal;
  const std::int32_t finite = rounded > kLargest ? kLargest : rounded;
  const std::int32_t code = magnitude > 0x7f80'0000 ? kNan : finite;
  return static_cast<std::uint8_t>(static_cast<std::uint32_t>(code) | (bits >> 24 & 0x80));
}

/// Exact.
constexpr float float_from_fp8(std::uint8_t code) {
  const std::int32_t magnitude = (code & 0x7f) << 20;
  const float subnormal = std::bit_cast<float>(magnitude + ((127 - 6) << 23)) - 0x1p-6F;
  const std::int32_t normal = magnitude + ((127 - 7) << 23);
  const std::int32_t finite = magnitude < (8 << 20) ? std::bit_cast<std::int32_t>(subnormal) : normal;
  const std::int32_t bits = magnitude == (0x7f << 20) ? 0x7fc0'0000 : finite;
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) | static_cast<std::uint32_t>(code & 0x80) << 24);
}

}  // namespace kv
