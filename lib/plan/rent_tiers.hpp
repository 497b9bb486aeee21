#pragma once
#include <string>
#include <vector>

#include "plan/choice.hpp"
#include "plan/rent.hpp"

namespace kv {

/// A place that keeps blocks, by the price file, and what its rent means for the workload.
struct RentTierAnswer {
  const CacheKindRow* kind = nullptr;  ///< that keeps blocks there
  std::string on;                      ///< entry of the price file
  bool verified = false;
  RentTier tier;
  double stored_bytes_per_block = 0;  ///< with codec, overhead and what the server wants beside its data
  RentAnswer answer;
  CapacityAdvice advice;  ///< dollars an hour at the scenario's traffic; saved: of GPUs that need not be rented
};
/// Idle host memory first, then drives, machines that are bought, rented, managed ones, and serverless: of each the
/// entry that is cheapest by the byte. Where a price file has none of a kind, there is no row of it.
Result<std::vector<RentTierAnswer>> rent_tiers(const PlanBasis& basis, const FleetStudy& study,
                                               const Scenario& scenario);

}  // namespace kv
