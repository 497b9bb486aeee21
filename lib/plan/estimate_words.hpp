#pragma once
#include <string>
#include <vector>

#include "plan/estimate.hpp"

namespace kv {

/// What an estimate says in sentences, each one that follows from its figures.
std::vector<std::string> reasons_of(const EstimateQuestion& question, const Estimate& estimate);
/// What every figure takes for granted.
std::vector<std::string> assumptions_of(const EstimateQuestion& question, const Estimate& estimate);
/// What makes figures doubtful.
std::vector<std::string> plan_warnings_of(const EstimateQuestion& question, const Estimate& estimate);

}  // namespace kv
