#pragma once
#include <atomic>
#include <span>
#include <vector>

#include "plan/fleet.hpp"
#include "plan/rent.hpp"

namespace kv {

/// What a shared store of each size saves the fleet: the curve that advise_capacity() looks for its best place on.
/// `usd_per_gpu_hour`: of a GPU that need not compute. token_hit_rate is of all input tokens, by the shared store alone
/// and without hits that are declined; stored_bytes are those of a full store's values, without the server's overhead.
/// A placement simulation for each of `capacities`, which ascend, and one without the store. Fails as those do.
Result<std::vector<CapacityPoint>> capacity_points(const Workload& workload, const Fleet& fleet,
                                                   const SharedStore& store, std::span<const Blocks> capacities,
                                                   double usd_per_gpu_hour, const std::atomic<bool>* stop = nullptr);

}  // namespace kv
