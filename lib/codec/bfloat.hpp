#pragma once
#include <bit>
#include <cstdint>

namespace kv {

/// IEEE binary32 -> bfloat16, to nearest, ties to even; NaN stays NaN (quiet, upper bits kept). No branches, so that
/// compilers vectorise it.
constexpr std::uint16_t bf16_from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const std::uint32_t quiet = (bits >> 16) | 0x40;
  return static_cast<std::uint16_t>((bits & 0x7fff'ffff) > 0x7f80'0000 ? quiet : rounded);
}

/// Exact.
constexpr float float_from_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

}  // namespace kv
