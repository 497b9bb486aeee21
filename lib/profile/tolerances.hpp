#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

namespace kv {

/// How near a generated workload must come to its trace (docs/fitting.md): relative for lengths and requests a minute,
/// else differences of rates.
inline constexpr double kLengthTolerance = 0.05, kRateTolerance = 0.05, kIdealTolerance = 0.01, kCurveTolerance = 0.03;

/// At which lengths are compared.
inline constexpr std::array<std::size_t, 7> kLengthPercentiles{10, 25, 50, 75, 90, 95, 99};

/// Nearest rank; `sorted` is not empty.
template <class Number>
double at_percentile(const std::vector<Number>& sorted, std::size_t percent) {
  return static_cast<double>(sorted[std::max<std::size_t>((sorted.size() * percent + 99) / 100, 1) - 1]);
}

}  // namespace kv
