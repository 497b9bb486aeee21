#pragma once
#include <optional>
#include <span>
#include <vector>

#include "curve/ttl_curve.hpp"
#include "stats/spread.hpp"
#include "workload/workload.hpp"

namespace kv {

struct LruPoint {
  Blocks capacity;
  std::uint64_t block_hits = 0, token_hits = 0;
};

/// When and how far behind its last use a block is used again. Of blocks, each use counting; a first use is none.
struct Reuse {
  std::optional<Spread> interval_ns;      ///< since the block's last use
  std::optional<Spread> distance_blocks;  ///< LRU stack distance: the smallest LRU cache that still has it
  std::optional<Spread> uses;             ///< of a unique block
  std::uint64_t one_shot_blocks = 0;      ///< unique blocks that are used once
  /// What an unbounded cache serves that drops a block when its last use is longer ago than this, for the TTLs asked
  /// for: exactly.
  std::vector<TtlHits> ttl;
  /// What LRU caches serve, at every power of two up to the unique blocks: exactly.
  std::vector<LruPoint> lru;
};
/// `ttls` ascend. At most 40 bytes a unique block.
Reuse reuse_of(const Workload& workload, std::span<const Duration> ttls);

/// 10 s, 30 s, 1 min ... 30 d: up to the first that reaches `span`.
std::vector<Duration> usual_ttls(Duration span);

}  // namespace kv
