#pragma once
#include <bit>
#include <cstdint>

namespace kv {

/// IEEE 754 binary32 -> binary16, to nearest, ties to even; above 65519.99 to infinity; NaN stays NaN (quiet, the
/// upper bits of its payload kept). This is the specification; it has no branches, so that compilers vectorise it.
constexpr std::uint16_t half_from_float(float value) {
  constexpr std::int32_t kInfinity = 0x7f80'0000, kTooLarge = (127 + 16) << 23, kSmallestNormal = (127 - 14) << 23;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto magnitude = static_cast<std::int32_t>(bits & 0x7fff'ffff);
  // Rebias the exponent, then round off 13 bits; the carry may run into the exponent, up to infinity.
  const std::int32_t normal = (magnitude - ((127 - 15) << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  // One ulp of 0.5f is the step of binary16's subnormals, 2^-24: the addition rounds as required.
  const float aligned = std::bit_cast<float>(magnitude) + 0.5F;
  const std::int32_t subnormal = std::bit_cast<std::int32_t>(aligned) - std::bit_cast<std::int32_t>(0.5F);
  const std::int32_t special = magnitude > kInfinity ? 0x7e00 | ((magnitude >> 13) & 0x3ff) : 0x7c00;
  const std::int32_t finite = magnitude < kSmallestNormal ? subnormal : normal;
  const std::int32_t half = magnitude >= kTooLarge ? special : finite;
  return static_cast<std::uint16_t>(static_cast<std::uint32_t>(half) | (bits >> 16 & 0x8000));
}

/// Exact: every binary16 is a binary32. NaN becomes quiet, as by the CPU's own instruction.
constexpr float float_from_half(std::uint16_t half) {
  const auto magnitude = static_cast<std::int32_t>((half & 0x7fffU) << 13);
  const std::int32_t rebased = magnitude + ((127 - 15) << 23);
  // Subnormals: put the mantissa under an exponent where its step is 2^-24, then take the hidden bit away again.
  const float subnormal = std::bit_cast<float>(magnitude + ((127 - 14) << 23)) - 0x1p-14F;
  const std::int32_t finite = magnitude < (0x0400 << 13) ? std::bit_cast<std::int32_t>(subnormal) : rebased;
  const std::int32_t quiet = magnitude > (0x7c00 << 13) ? 0x0040'0000 : 0;
  const std::int32_t bits = magnitude >= (0x7c00 << 13) ? (magnitude + ((255 - 31) << 23)) | quiet : finite;
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) | static_cast<std::uint32_t>(half & 0x8000U) << 16);
}

}  // namespace kv
