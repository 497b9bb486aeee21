#pragma once
#include <vector>

#include "base/random.hpp"
#include "profile/fitted_profile.hpp"

namespace kv {

/// One request to come, before it is known which earlier one it shares blocks with.
struct PlannedRequest {
  std::uint32_t input = 0, output = 0;
  std::uint32_t depth = 0;     ///< blocks that it shares
  std::uint32_t distance = 0;  ///< of the deepest of them
  std::uint32_t left = 0;      ///< blocks of the prompt that it shares them with, beyond those
  bool repeated = false;       ///< shares all of them, the last one included
};

/// All requests of a profile in order of arrival. Everything is dealt out by quota: each stratum its number of
/// requests, evenly over its ranges, and each length of the knots once, whatever the seed; the seed decides which goes
/// with which. 48 bytes a request on the way, 20 in the end.
std::vector<PlannedRequest> plan_requests(const FittedProfile& profile, Random& random);

/// Arrivals in ms, sorted: as many in each minute as the profile says; the first at 0.
std::vector<std::uint64_t> plan_arrivals(const FittedProfile& profile, Random& random);

}  // namespace kv
