#pragma once
#include <string>
#include <vector>

#include "plan_setup.hpp"

namespace kvtool {

/// Writes the configuration of the chosen plan into the directory of --emit, which it makes. Returns the paths written.
kv::Result<std::vector<std::string>> emit_plan(const PlanOptions& options, const PlanSetup& setup,
                                               const kv::Estimate& estimate);

}  // namespace kvtool
