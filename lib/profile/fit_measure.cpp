#include "profile/fit_measure.hpp"

#include "profile/prefix_stack.hpp"

namespace kv {
namespace {

constexpr std::uint32_t kNobody = UINT32_MAX;

struct Owned {
  std::uint32_t owner, from, to;  // depths, from 1
};

}  // namespace

Reuse measure_reuse(const Workload& workload) {
  Reuse reuse;
  reuse.requests.reserve(workload.size());
  PrefixStack stack(static_cast<std::uint32_t>(workload.size()));
  std::vector<std::uint32_t> owners(workload.unique_blocks(), kNobody);
  std::vector<Owned> found;
  for (std::uint32_t r = 0; r < workload.size(); ++r) {
    const Request request = workload[r];
    found.clear();
    RequestReuse& mine = reuse.requests.emplace_back();
    mine.blocks = static_cast<std::uint32_t>(request.blocks.size());
    for (const DenseId block : request.blocks) {
      const std::uint32_t owner = owners[block];
      if (owner == kNobody) break;
      ++mine.hits;
      if (found.empty() || found.back().owner != owner) found.push_back({owner, mine.hits, mine.hits});
      found.back().to = mine.hits;
    }
    for (const Owned& run : found) {
      const std::uint32_t from = stack.position(run.owner, run.from);
      reuse.runs.push_back({r, from, from + run.to - run.from});
    }
    if (!found.empty()) {
      mine.distance = reuse.runs.back().to;
      mine.left = reuse.requests[found.back().owner].blocks - mine.hits;
    }
    for (const Owned& run : found) stack.take(run.owner, run.to);
    for (const DenseId block : request.blocks) owners[block] = r;
    stack.push(mine.blocks, mine.blocks);
  }
  return reuse;
}

}  // namespace kv
