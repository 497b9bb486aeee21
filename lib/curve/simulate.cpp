#include "curve/simulate.hpp"

#include <algorithm>

#include "base/parallel.hpp"
#include "curve/simulate_belady.hpp"
#include "policy/block_cache.hpp"

namespace kv {
namespace {

SimulationResult simulate_online(const Workload& workload, const PolicyRow& policy, Blocks capacity,
                                 const SimulationOptions& options) {
  const auto cache = policy.make({.capacity = capacity.count(),
                                  .admit = options.admit,
                                  .handles = static_cast<Handle>(workload.unique_blocks()),
                                  .fixed_ttl = options.fixed_ttl,
                                  .sliding_ttl = options.sliding_ttl});
  SimulationResult sum;
  for (std::size_t r = 0; r < workload.size(); ++r) {
    const Request request = workload[r];
    const BlockCache::Served served = cache->serve(request.blocks, request.at);
    sum.requests_with_hit += served.hits > 0;
    sum.block_hits += served.hits;
    sum.token_hits += std::min(served.hits * workload.block_size().count(), request.input.count());
    sum.unstored += request.blocks.size() - served.hits - served.inserted;
  }
  sum.insertions = cache->insertions();
  sum.evictions = cache->evictions();
  sum.expirations = cache->expirations();
  return sum;
}

}  // namespace

SimulationResult simulate(const Workload& workload, const PolicyRow& policy, Blocks capacity,
                          const SimulationOptions& options) {
  // More than there are blocks changes nothing, and keeps sums of weights far from overflow.
  const Blocks useful = std::min(capacity, Blocks(workload.unique_blocks()));
  if (!policy.online()) return simulate_belady(workload, useful);
  return simulate_online(workload, policy, useful, options);
}

std::vector<SimulationResult> simulate_many(const Workload& workload, const PolicyRow& policy,
                                            std::span<const Blocks> capacities, const SimulationOptions& options,
                                            unsigned threads) {
  std::vector<SimulationResult> results(capacities.size());
  run_parallel(capacities.size(), threads,
               [&](std::size_t i) { results[i] = simulate(workload, policy, capacities[i], options); });
  return results;
}

}  // namespace kv
