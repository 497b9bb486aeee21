#pragma once
#include <string>

#include "profile/fitted_profile.hpp"
#include "workload/workload.hpp"

namespace kv {

struct FitOptions {
  std::size_t strata = 1200;  ///< at most
  std::uint32_t least = 3;    ///< requests in a stratum, so that none stands for a single user's prompt
};

/// Fails (bad_input) on what a profile cannot hold.
Result<FittedProfile> fit_profile(const Workload& workload, const FitOptions& options = {});

}  // namespace kv
