#pragma once
#include <span>
#include <vector>

#include "base/units.hpp"
#include "workload/workload.hpp"

namespace kv {

struct TtlHits {
  Duration ttl{};
  std::uint64_t requests_with_hit = 0, block_hits = 0, token_hits = 0;
};

/// What a cache without a bound serves if every block leaves once it was not used for longer than `ttl` of the
/// workload's time (sliding TTL), for each of `ttls`, exactly, in one pass: a block is found if its age since last use
/// is at most the TTL, and an ancestor is never older than its descendants. 4 bytes a unique block. In the order asked.
std::vector<TtlHits> sliding_ttl_hits(const Workload& workload, std::span<const Duration> ttls);

}  // namespace kv
