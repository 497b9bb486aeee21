#include "replay/engine_cache.hpp"

#include "policy/block_cache.hpp"

namespace kv {

std::vector<std::uint32_t> engine_hits(const Workload& workload, Blocks capacity) {
  std::vector<std::uint32_t> hits(workload.size(), 0);
  if (capacity == Blocks(0)) return hits;
  const auto cache = find_policy("lru")->make(
      {.capacity = capacity.count(), .handles = static_cast<Handle>(workload.unique_blocks())});
  for (std::size_t r = 0; r < workload.size(); ++r) hits[r] = cache->serve(workload[r].blocks).hits;
  return hits;
}

}  // namespace kv
