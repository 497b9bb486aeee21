#pragma once
#include <memory>

#include "profile/fitted_profile.hpp"
#include "profile/generator.hpp"

namespace kv {

/// Makes workloads that resemble a fitted trace. `requests` beyond those of the profile begin the trace again, as a day
/// with nothing in common with the one before: memory is that of one round, about 150 bytes a request.
std::unique_ptr<Generator> make_fitted_generator(FittedProfile profile);

}  // namespace kv
