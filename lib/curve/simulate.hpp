#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/units.hpp"
#include "policy/policy.hpp"
#include "workload/workload.hpp"

namespace kv {

struct SimulationOptions {
  std::uint32_t admit = 1;  ///< store a block at its K-th use, 1 to kMostAdmit
  /// A block that was stored (fixed) or last used (sliding) longer ago than this, in trace time, is gone; at exactly
  /// this age it still lives. Both may be given.
  std::optional<Duration> fixed_ttl = std::nullopt, sliding_ttl = std::nullopt;
};

/// Counts of one pass over a workload. A block is a hit if it and all blocks before it are there when its request
/// comes. block_hits + insertions + unstored = block references.
struct SimulationResult {
  std::uint64_t requests_with_hit = 0, block_hits = 0;
  std::uint64_t token_hits = 0;  ///< min(hit blocks x block size, input) a request
  std::uint64_t insertions = 0, evictions = 0;
  std::uint64_t expirations = 0;  ///< blocks that left because of a ttl: no evictions
  std::uint64_t unstored = 0;     ///< neither hit nor inserted: no room, not yet admitted, or there behind a hole
  bool operator==(const SimulationResult&) const = default;
};

/// Serves the requests in order, one at a time, by the eviction protocol of BlockCache; every block weighs 1. What
/// local:?capacity_blocks=N&policy=P&admit=K does with one worker.
///
/// A clairvoyant policy ("belady") keeps, after each request, those blocks that are used again soonest, the deeper
/// one leaving first where two are used again by the same request, and stores no block that is never used again. Every
/// block's parent is used again no later than the block, so what it keeps has no holes, and no policy, whatever its
/// admission or ttl, has more block_hits (Belady 1966; intervals: Carlisle, Lloyd 1995). It knows no options.
///
/// Thread-safe over one workload. Memory: 16 to 40 bytes a unique block; belady: 8 a block reference.
SimulationResult simulate(const Workload& workload, const PolicyRow& policy, Blocks capacity,
                          const SimulationOptions& options = {});

/// simulate() at each of the capacities, in order, on up to `threads` threads (0: one a core).
std::vector<SimulationResult> simulate_many(const Workload& workload, const PolicyRow& policy,
                                            std::span<const Blocks> capacities, const SimulationOptions& options = {},
                                            unsigned threads = 0);

}  // namespace kv
