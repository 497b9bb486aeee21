#pragma once
#include <vector>

#include "profile/fit.hpp"
#include "profile/fit_measure.hpp"

namespace kv {

std::vector<Stratum> fit_strata(const Workload& workload, const std::vector<RequestReuse>& reuse,
                                const FitOptions& options);

}  // namespace kv
