#pragma once
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "plan/choice.hpp"

namespace kv {

/// A fleet of another size, under more of the same traffic.
struct ScaleRow {
  std::uint32_t gpus = 0;
  double traffic = 1;  ///< times what keeps so many GPUs as busy as planned, without a cache
  double requests_per_s = 0;
  double gpus_without = 0, gpus_with = 0;  ///< needed, in whole instances
  Plan plan;                               ///< that leaves most of the kinds asked for, or loses least
  double network_bytes_per_s = 0;          ///< read and written at the busiest time
};
/// Every number of GPUs with every multiple of traffic. The workload is simulated once, on as many instances as it
/// needs; a larger fleet serves more such workloads beside one another, which share nothing: hit rates stay, bytes and
/// rates grow with the traffic. That is the worst case for a cache; what all users share would be kept once.
/// `study` must be of traffic 1 and outlives the rows. Fails as planning does.
Result<std::vector<ScaleRow>> plan_at_scale(const PlanBasis& basis, const FleetStudy& study,
                                            const std::vector<const CacheKindRow*>& kinds, const Scenario& scenario,
                                            std::span<const std::uint32_t> gpus, std::span<const double> traffic);

}  // namespace kv
