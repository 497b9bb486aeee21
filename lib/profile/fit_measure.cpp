#include "profile/fit_measure.hpp"

#include "curve/recency_stack.hpp"

namespace kv {

Reuse measure_reuse(const Workload& workload) {
  Reuse reuse;
  reuse.requests.reserve(workload.size());
  RecencyStack stack(workload.unique_blocks());
  std::vector<std::uint32_t> owners(workload.unique_blocks());  // the request that touched a block last
  for (std::uint32_t r = 0; r < workload.size(); ++r) {
    const auto blocks = workload.blocks(r);
    RequestReuse mine{.blocks = static_cast<std::uint32_t>(blocks.size())};
    stack.touch(blocks, [&](const RecencyStack::Run& run) {
      const auto from = static_cast<std::uint32_t>(run.position), count = static_cast<std::uint32_t>(run.count);
      mine.hits += count;
      mine.distance = from + count - 1;
      reuse.runs.push_back({r, from, mine.distance});
    });
    if (mine.hits > 0) mine.left = reuse.requests[owners[blocks[mine.hits - 1]]].blocks - mine.hits;
    for (const DenseId block : blocks) owners[block] = r;
    reuse.requests.push_back(mine);
  }
  return reuse;
}

}  // namespace kv
