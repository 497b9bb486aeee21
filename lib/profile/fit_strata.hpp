#pragma once
#include <vector>

#include "profile/fit_measure.hpp"
#include "profile/fitted_profile.hpp"

namespace kv {

/// Groups a trace's requests into at most `most` strata of at least `least` requests each (fewer only where a kind has
/// no more): the group that gains most by it is cut in two, again and again, where that leaves the least variance
/// (regression trees: Breiman et al. 1984). O(strata x log strata x requests of a stratum).
std::vector<Stratum> fit_strata(const Workload& workload, const std::vector<RequestReuse>& reuse, std::size_t most,
                                std::uint32_t least);

}  // namespace kv
