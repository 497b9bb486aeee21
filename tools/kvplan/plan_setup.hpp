#pragma once
#include <memory>
#include <string>
#include <vector>

#include "plan/estimate.hpp"
#include "plan_options.hpp"

namespace kvtool {

/// What follows from the options: everything that a plan points to. Not moved once made.
struct PlanSetup {
  kv::Workload workload;
  std::optional<kv::WorkloadSummary> summary;  ///< of a trace; nullopt: made from --input-tokens ...
  kv::Demand demand;
  std::uint32_t copies = 1;  ///< of what was given, in `workload`
  Engine engine;
  std::unique_ptr<kv::KvGeometry> geometry;
  kv::PriceFile prices;
  kv::EstimateQuestion question;
  std::string stored_source, links_source;
  std::vector<std::string> assumptions, warnings;
};
/// Fails (bad_input), naming the option. `gpus`: of the fleet. `may_assume`: where no workload is given, one is
/// assumed.
kv::Result<std::unique_ptr<PlanSetup>> set_up_plan(const PlanOptions& options, std::optional<std::uint32_t> gpus,
                                                   bool may_assume);

}  // namespace kvtool
