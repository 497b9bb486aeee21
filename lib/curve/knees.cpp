#include <algorithm>

#include "curve/curve.hpp"

namespace kv {

std::vector<std::size_t> find_knees(std::span<const double> xs, std::span<const double> ys, double sensitivity) {
  const std::size_t count = xs.size();
  if (count < 3 || !(xs.back() > xs.front()) || !(ys.back() > ys.front())) return {};
  std::vector<double> above(count);
  for (std::size_t i = 0; i < count; ++i) {
    above[i] = (ys[i] - ys.front()) / (ys.back() - ys.front()) - (xs[i] - xs.front()) / (xs.back() - xs.front());
  }
  const double step = sensitivity / static_cast<double>(count - 1);
  std::vector<std::size_t> knees;
  std::size_t highest = 0;
  bool rising = true;
  for (std::size_t i = 1; i < count; ++i) {
    if (rising && above[i] < above[highest] - step) {
      if (highest > 0 && above[highest] > 0) knees.push_back(highest);
      rising = false;
      highest = i;
    } else if (rising ? above[i] > above[highest] : above[i] < above[highest]) {
      highest = i;  // or, on the way down, the lowest so far
    } else if (!rising && above[i] > above[highest] + step) {
      rising = true;
      highest = i;
    }
  }
  std::stable_sort(knees.begin(), knees.end(), [&](std::size_t a, std::size_t b) { return above[a] > above[b]; });
  return knees;
}

std::vector<Blocks> usual_capacities(std::uint64_t unique_blocks) {
  std::vector<Blocks> out;
  for (std::uint64_t decade = 1; decade <= unique_blocks; decade *= 10) {
    for (const std::uint64_t factor : {1, 2, 5}) {
      const std::uint64_t blocks = decade * factor;
      if (blocks * 1000 >= unique_blocks && blocks < unique_blocks) out.emplace_back(blocks);
    }
    if (decade > UINT64_MAX / 10) break;
  }
  if (unique_blocks > 0) out.emplace_back(unique_blocks);
  return out;
}

}  // namespace kv
