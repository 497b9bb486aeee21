#pragma once
#include "curve/simulate.hpp"

namespace kv {

/// The clairvoyant policy of simulate(). O(1) a block reference but for O(log n) a request that others wait for.
SimulationResult simulate_belady(const Workload& workload, Blocks capacity);

}  // namespace kv
