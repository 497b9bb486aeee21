#pragma once
#include <memory>

#include "profile/fitted_profile.hpp"
#include "profile/generator.hpp"

namespace kv {

/// How the generator weighs what it wants; the defaults are what `kvtrace fit` uses.
struct FittedTuning {
  double distance_weight = 1.0;  ///< of a request's own distance, against the curve's debt
  double left_weight = 0.3, depth_weight = 1.5;
  unsigned candidates = 4;  ///< of each kind that are looked at
};

/// Makes workloads that resemble a fitted trace. `requests` beyond those of the profile begin the trace again, as a day
/// with nothing in common with the one before: memory is that of one round, about 150 bytes a request.
std::unique_ptr<Generator> make_fitted_generator(FittedProfile profile, const FittedTuning& tuning = {});

}  // namespace kv
