#include "curve/ttl_curve.hpp"

#include <algorithm>

#include "workload/large_vector.hpp"

namespace kv {

std::vector<TtlHits> sliding_ttl_hits(const Workload& workload, std::span<const Duration> ttls) {
  std::vector<Duration> sorted(ttls.begin(), ttls.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<TtlHits> found(sorted.size() + 1);  // by the shortest TTL that finds it; the last: none does
  constexpr std::uint32_t kNever = UINT32_MAX;
  LargeVector<std::uint32_t> last_use(workload.unique_blocks(), kNever);  // number of the request
  for (std::uint32_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    std::uint32_t last = kNever;
    TtlHits* here = nullptr;
    for (std::size_t b = 0; b < request.blocks.size(); ++b) {
      std::uint32_t& use = last_use[request.blocks[b]];
      if (use == kNever) break;  // so are all blocks behind it
      if (use != last) {
        last = use;
        const auto shortest = std::lower_bound(sorted.begin(), sorted.end(), request.at - workload[last].at);
        here = &found[static_cast<std::size_t>(shortest - sorted.begin())];
      }
      ++here->block_hits;
      here->token_hits += workload.tokens_in_block(request, b).count();
      here->requests_with_hit += b == 0;
    }
    for (const DenseId block : request.blocks) last_use[block] = i;
  }
  std::vector<TtlHits> out;
  for (const Duration ttl : ttls) {
    TtlHits sum{.ttl = ttl};
    for (std::size_t i = 0; i < sorted.size() && sorted[i] <= ttl; ++i) {
      if (i > 0 && sorted[i] == sorted[i - 1]) continue;  // what it finds is counted at its first
      sum.requests_with_hit += found[i].requests_with_hit;
      sum.block_hits += found[i].block_hits;
      sum.token_hits += found[i].token_hits;
    }
    out.push_back(sum);
  }
  return out;
}

}  // namespace kv
