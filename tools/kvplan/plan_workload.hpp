#pragma once
#include "plan_setup.hpp"

namespace kvtool {

/// The workload that a plan is of: a trace, or one that is made of a summary.
kv::Result<void> find_workload(const PlanOptions& options, PlanSetup& setup);
/// Fills in a chat service, and warns of it: for answers to which a workload only adds.
void assume_workload(PlanOptions& options, PlanSetup& setup);
/// What --requests-per-second, --hit-rate and ranges of a summary make of the plan's inputs.
kv::Result<void> add_workload_ranges(const PlanOptions& options, const kv::Demand& demand, kv::PlanRanges& ranges);

}  // namespace kvtool
