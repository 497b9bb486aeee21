#pragma once
#include <string>

#include "profile/fitted_profile.hpp"
#include "workload/workload.hpp"

namespace kv {

struct FitOptions {
  std::size_t most_bytes = std::size_t{64} << 10;  ///< of the profile's text
  std::uint32_t least = 3;                         ///< requests in a stratum, so that none describes a single prompt
};

/// What `kvtrace fit` keeps of a workload: see docs/fitting.md. Fails (bad_input) on what a profile cannot hold: more
/// than 4 M requests, ten years, 4 M blocks a prompt or 2^32 blocks in all.
Result<FittedProfile> fit_profile(const Workload& workload, const FitOptions& options = {});

}  // namespace kv
