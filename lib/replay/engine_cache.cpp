#include "replay/engine_cache.hpp"

#include <algorithm>

#include "policy/block_cache.hpp"

namespace kv {

std::vector<std::uint32_t> engine_hits(const Workload& workload, Blocks capacity) {
  std::vector<std::uint32_t> hits(workload.size(), 0);
  if (capacity == Blocks(0)) return hits;
  BlockCache cache(capacity.count(), find_policy("lru")->make());
  std::vector<std::uint32_t> weights;
  std::vector<std::uint8_t> pinned, accepted;
  std::vector<Handle> victims;
  for (std::size_t r = 0; r < workload.size(); ++r) {
    const auto blocks = workload[r].blocks;
    weights.assign(blocks.size(), 1);
    pinned.assign(blocks.size(), 0);
    accepted.assign(blocks.size(), 0);
    victims.clear();
    while (hits[r] < blocks.size() && cache.resident(blocks[hits[r]])) ++hits[r];
    cache.admit(blocks, weights, pinned, accepted, victims);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (pinned[i]) cache.unpin(blocks[i]);
    }
  }
  return hits;
}

}  // namespace kv
