#include "profile/fit_parts.hpp"

#include <algorithm>
#include <array>

namespace kv {
namespace {

constexpr double kFinest = 0.001, kCoarser = 1.4;
constexpr Duration kMinute = std::chrono::minutes(1);

/// From each knot the longest line that stays within the tolerance of every length it passes, and ends at one.
std::vector<Knot> knots_within(const std::vector<std::uint32_t>& sorted, double tolerance) {
  std::vector<Knot> knots{{0, sorted[0]}};
  double low = 0, high = 0;  // slopes that are still possible
  for (std::uint32_t i = 1; i < sorted.size(); ++i) {
    const auto slope_to = [&](const Knot& from) {
      return (static_cast<double>(sorted[i]) - from.tokens) / static_cast<double>(i - from.rank);
    };
    double slope = slope_to(knots.back());
    const bool fresh = knots.back().rank + 1 == i;
    if (!fresh && (slope < low || slope > high)) {
      knots.push_back({i - 1, sorted[i - 1]});
      slope = slope_to(knots.back());
    }
    const bool first = knots.back().rank + 1 == i;
    const double slack = tolerance * sorted[i] / static_cast<double>(i - knots.back().rank);
    low = first ? slope - slack : std::max(low, slope - slack);
    high = first ? slope + slack : std::min(high, slope + slack);
  }
  const auto last = static_cast<std::uint32_t>(sorted.size() - 1);
  if (knots.back().rank != last) knots.push_back({last, sorted[last]});
  return knots;
}

/// Calls visit(request, distance, count) for hits in order; `count` of them at equal steps would be one each.
template <class Visit>
void each_hit(const Reuse& reuse, const Visit& visit) {
  for (const ReuseRun& run : reuse.runs) {
    for (std::uint32_t distance = run.from; distance <= run.to; ++distance) visit(run.request, distance);
  }
}

}  // namespace

std::vector<Knot> fit_knots(std::vector<std::uint32_t> lengths, std::size_t most) {
  std::sort(lengths.begin(), lengths.end());
  std::vector<Knot> knots;
  for (double tolerance = kFinest;; tolerance *= kCoarser) {
    knots = knots_within(lengths, tolerance);
    if (knots.size() <= most) return knots;
  }
}

ReuseTable fit_reuse(const Reuse& reuse, std::size_t capacities, std::size_t parts) {
  ReuseTable table;
  std::uint64_t all = 0;
  std::uint32_t largest = 0;
  for (const ReuseRun& run : reuse.runs) {
    all += run.to - run.from + std::uint64_t{1};
    largest = std::max(largest, run.to);
  }
  if (all == 0) return table;
  std::vector<std::uint64_t> at(largest + std::size_t{1});
  each_hit(reuse, [&](std::uint32_t, std::uint32_t distance) { ++at[distance]; });
  std::uint64_t hits = 0, step = 0;
  for (std::uint32_t distance = 1; distance <= largest; ++distance) {
    hits += at[distance];
    if (hits * capacities < all * (step + 1) && distance != largest) continue;
    table.capacities.push_back(distance);
    step = hits * capacities / all;
  }
  const std::size_t requests = reuse.requests.size();
  table.parts.resize(std::min(parts, requests));
  for (ReuseTable::Part& part : table.parts) part.hits.resize(table.capacities.size());
  const auto part_of = [&](std::uint64_t request) -> ReuseTable::Part& {
    return table.parts[request * table.parts.size() / requests];
  };
  for (std::size_t r = 0; r < requests; ++r) part_of(r).refs += reuse.requests[r].blocks;
  each_hit(reuse, [&](std::uint32_t request, std::uint32_t distance) {
    const auto bin = std::lower_bound(table.capacities.begin(), table.capacities.end(), distance);
    ++part_of(request).hits[static_cast<std::size_t>(bin - table.capacities.begin())];
  });
  return table;
}

void fit_arrivals(const Workload& workload, FittedProfile& profile) {
  const Duration start = workload[0].at;
  const Duration span = workload[workload.size() - 1].at - start;
  profile.minutes.assign(static_cast<std::size_t>(span / kMinute) + 1, 0);
  profile.last_ms = static_cast<std::uint32_t>((span % kMinute) / std::chrono::milliseconds(1));
  // The coarsest step that nearly all arrivals keep to: some traces count time in seconds, or in windows of some.
  constexpr std::array<std::uint32_t, 9> kTicks{10'000, 5'000, 3'000, 2'000, 1'000, 500, 100, 10, 1};
  std::array<std::size_t, kTicks.size()> keep{};
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Duration at = workload[i].at - start;
    ++profile.minutes[static_cast<std::size_t>(at / kMinute)];
    for (std::size_t t = 0; t < kTicks.size(); ++t) keep[t] += at % std::chrono::milliseconds(kTicks[t]) == Duration{};
  }
  profile.tick_ms = 1;
  for (std::size_t t = kTicks.size(); t-- > 0;) {
    if (span > Duration{} && keep[t] * 10 >= workload.size() * 9) profile.tick_ms = kTicks[t];
  }
}

}  // namespace kv
