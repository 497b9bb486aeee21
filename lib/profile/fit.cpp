#include "profile/fit.hpp"

#include <algorithm>
#include <numeric>

#include "profile/fit_measure.hpp"
#include "profile/fit_strata.hpp"

namespace kv {
namespace {

constexpr std::size_t kCapacities = 48, kParts = 16;

std::vector<Knot> fit_knots(std::vector<std::uint32_t> lengths, double tolerance) {
  std::sort(lengths.begin(), lengths.end());
  std::vector<Knot> knots{{0, lengths[0]}};
  // The longest line from the last knot that stays within the tolerance of all lengths it passes.
  double low = -1e300, high = 1e300;
  for (std::uint32_t i = 1; i < lengths.size(); ++i) {
    const Knot& from = knots.back();
    const double run = i - from.rank, rise = static_cast<double>(lengths[i]) - from.tokens;
    const double slope = rise / run;
    if (slope < low || slope > high) {
      knots.push_back({i - 1, lengths[i - 1]});
      low = -1e300, high = 1e300;
      --i;
      continue;
    }
    const double slack = tolerance * lengths[i] / run;
    low = std::max(low, slope - slack);
    high = std::min(high, slope + slack);
  }
  const auto last = static_cast<std::uint32_t>(lengths.size() - 1);
  if (knots.back().rank != last) knots.push_back({last, lengths[last]});
  return knots;
}

std::vector<Knot> fit_knots(const std::vector<std::uint32_t>& lengths) {
  std::vector<Knot> knots;
  for (double tolerance = 0.002;; tolerance *= 1.5) {
    knots = fit_knots(lengths, tolerance);
    if (knots.size() <= 256) return knots;
  }
}

ReuseTable fit_reuse(const Reuse& reuse, std::size_t requests) {
  ReuseTable table;
  std::vector<std::uint64_t> at;  // hits by distance
  for (const ReuseRun& run : reuse.runs) {
    if (run.to >= at.size()) at.resize(run.to + std::size_t{1});
    for (std::uint32_t d = run.from; d <= run.to; ++d) ++at[d];
  }
  const std::uint64_t all = std::accumulate(at.begin(), at.end(), std::uint64_t{0});
  if (all == 0) return table;
  std::uint64_t hits = 0;
  for (std::uint32_t d = 0; d < at.size(); ++d) {
    hits += at[d];
    if (at[d] != 0 && hits * kCapacities >= all * (table.capacities.size() + 1)) table.capacities.push_back(d);
    while (hits * kCapacities >= all * (table.capacities.size() + 1) && table.capacities.size() + 1 < kCapacities &&
           false) {
    }
  }
  if (table.capacities.empty() || table.capacities.back() + 1 != at.size()) {
    table.capacities.push_back(static_cast<std::uint32_t>(at.size() - 1));
  }
  table.parts.resize(std::min(kParts, requests));
  for (ReuseTable::Part& part : table.parts) part.hits.resize(table.capacities.size());
  const auto part_of = [&](std::uint64_t request) -> ReuseTable::Part& {
    return table.parts[request * table.parts.size() / requests];
  };
  for (std::size_t r = 0; r < requests; ++r) part_of(r).refs += reuse.requests[r].blocks;
  for (const ReuseRun& run : reuse.runs) {
    for (std::uint32_t d = run.from; d <= run.to; ++d) {
      const auto bin = std::lower_bound(table.capacities.begin(), table.capacities.end(), d);
      ++part_of(run.request).hits[static_cast<std::size_t>(bin - table.capacities.begin())];
    }
  }
  return table;
}

void fit_arrivals(const Workload& workload, FittedProfile& profile) {
  const Duration start = workload[0].at, minute = std::chrono::minutes(1);
  const Duration span = workload[workload.size() - 1].at - start;
  profile.minutes.resize(static_cast<std::size_t>(span / minute) + 1);
  for (std::size_t i = 0; i < workload.size(); ++i) {
    ++profile.minutes[static_cast<std::size_t>((workload[i].at - start) / minute)];
  }
  profile.last_ms = static_cast<std::uint32_t>((span % minute) / std::chrono::milliseconds(1));
}

}  // namespace

Result<FittedProfile> fit_profile(const Workload& workload, const FitOptions& options) {
  FittedProfile profile;
  profile.block_size = workload.block_size();
  profile.requests = static_cast<std::uint32_t>(workload.size());
  fit_arrivals(workload, profile);
  std::vector<std::uint32_t> inputs, outputs;
  std::uint32_t step = 0;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    inputs.push_back(static_cast<std::uint32_t>(workload[i].input.count()));
    outputs.push_back(static_cast<std::uint32_t>(workload[i].output.count()));
    step = std::gcd(step, inputs.back());
  }
  profile.input_step = step;
  profile.input = fit_knots(inputs);
  profile.output = fit_knots(outputs);
  const Reuse reuse = measure_reuse(workload);
  profile.reuse = fit_reuse(reuse, workload.size());
  profile.strata = fit_strata(workload, reuse.requests, options);
  return profile;
}

}  // namespace kv
