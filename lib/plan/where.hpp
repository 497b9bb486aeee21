#pragma once
#include <atomic>
#include <string_view>
#include <vector>

#include "plan/study.hpp"

namespace kv {

/// Where blocks are kept beside the engines' own caches.
enum class WhereKept { engines, host, shared, both };
std::string_view where_kept_name(WhereKept kept);

/// What one way of routing finds in one arrangement of caches.
struct WhereRow {
  Routing routing = Routing::prefix_aware;
  WhereKept kept = WhereKept::engines;
  double hit_rate = 0;                                                 ///< of input tokens, in all tiers
  double engine_hit_rate = 0, host_hit_rate = 0, shared_hit_rate = 0;  ///< each what no faster tier had
  double crossing_rate = 0;  ///< of input tokens: from the shared store, stored there by another instance
  double computed_gpus = 0;  ///< busy with prompts
  double imbalance = 1;      ///< busiest instance over the mean, by computed tokens
};
/// The engines alone under the basis' routing; then random, least loaded, sticky (of a workload with sessions) and
/// prefix-aware routing, each with
/// host memory, with a shared store of `shared_blocks`, and with both. Host memory is as large as the price file has
/// it; upload is not charged.
Result<std::vector<WhereRow>> where_to_keep(const PlanBasis& basis, const FleetStudy& study, double shared_blocks,
                                            double stored_per_payload, unsigned threads,
                                            const std::atomic<bool>* stop = nullptr);

}  // namespace kv
