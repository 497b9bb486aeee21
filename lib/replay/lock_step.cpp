#include "replay/lock_step.hpp"

#include <algorithm>

namespace kv {

Duration lock_step(std::span<const Duration> measured, std::span<const Duration> copies, std::ptrdiff_t shift) {
  const auto at = [](std::span<const Duration> times, std::ptrdiff_t i) {
    return i >= 0 && i < std::ssize(times) ? times[static_cast<std::size_t>(i)] : Duration(0);
  };
  const std::ptrdiff_t first = std::min<std::ptrdiff_t>(0, shift);
  const std::ptrdiff_t end = std::max(std::ssize(measured), std::ssize(copies) + shift);
  Duration sum{0};
  for (std::ptrdiff_t step = first; step < end; ++step) {
    sum += std::max(at(measured, step), at(copies, step - shift));
  }
  return sum;
}

}  // namespace kv
