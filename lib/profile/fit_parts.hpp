#pragma once
#include <cstdint>
#include <vector>

#include "profile/fit_measure.hpp"
#include "profile/fitted_profile.hpp"

namespace kv {

/// Lengths as at most `most` knots, and no more of them than it takes to be within 0.1 % of each.
std::vector<Knot> fit_knots(std::vector<std::uint32_t> lengths, std::size_t most);

/// The LRU curve of each of up to `parts` parts at up to `capacities` sizes, between which equal numbers of hits lie.
ReuseTable fit_reuse(const Reuse& reuse, std::size_t capacities, std::size_t parts);

/// Fills minutes, last_ms and tick_ms.
void fit_arrivals(const Workload& workload, FittedProfile& profile);

}  // namespace kv
