#pragma once
#include <string>

#include "profile/fitted_profile.hpp"
#include "workload/workload.hpp"

namespace kv {

/// What `kvtrace fit` keeps of a workload: see docs/fitting.md. Fails (bad_input) on what a profile cannot hold: more
/// than 4 M requests, ten years, 4 M blocks a prompt or 2^32 blocks in all.
Result<FittedProfile> fit_profile(const Workload& workload);

}  // namespace kv
