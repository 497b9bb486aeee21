#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "model/kv_geometry.hpp"
#include "sim/decode_cost.hpp"
#include "sim/placement.hpp"
#include "sim/serving.hpp"

namespace kv {

/// Equal engines that serve a workload together.
struct Fleet {
  const Prefill* prefill = nullptr;  ///< of one instance; outlives the call
  DecodeCost decode{};               ///< for `slots` sequences
  std::uint32_t instances = 1;
  std::uint32_t tp = 1;  ///< GPUs that are busy at once in an instance: a pipeline's other stages serve others
  Routing routing = Routing::prefix_aware;
  Blocks engine_cache{}, host_cache{};  ///< of each instance; 0: none
  Tokens token_budget{8192};
  std::uint32_t slots = 256;
  std::optional<Tokens> kv_tokens = std::nullopt;  ///< that an instance's running sequences may hold
  std::uint64_t seed = 1;                          ///< of routing
};

/// A store beside the engines: one that all of them share, or one in each instance's machine.
struct SharedStore {
  Blocks capacity{};                     ///< of the shared one; of each instance's
  bool per_instance = false;             ///< in memory or on drives of the GPU machines; instead of Fleet::host_cache
  const KvGeometry* geometry = nullptr;  ///< what a block weighs; outlives the call
  double stored_per_payload = 1;         ///< of the codec
  FetchLinks links{};
  /// Engines compute a hit that would be fetched more slowly, alone on the wire, than computed (--fetch adaptive); else
  /// they fetch all of them.
  bool fetch_only_if_faster = true;
};

/// Requests that are kept for serve_fleet(), the last of a workload: simulating more says nothing new, what caches hold
/// is warm by then, and memory stays bounded.
inline constexpr std::size_t kMostServed = 200'000;

/// Who serves what, and what of it was cached where. Rates are over the workload's span.
struct FleetPlacement {
  PlacementResult placement;
  std::vector<ServingRequest> requests;  ///< in order, the last kMostServed; empty, where they were not asked for
  double prefill_gpus = 0;               ///< that computing prompts keeps busy on average
  double decode_gpus = 0;  ///< that generating would, in the largest batches that fit: no cache makes it less
  double mean_prefill_s = 0, mean_fetch_s = 0;  ///< of a request that is alone on its instance and on the wire
  std::uint64_t fetched_requests = 0, declined_requests = 0;  ///< with a hit in the shared store
  std::uint64_t fetched_tokens = 0;                           ///< without those of declined requests
  double fetched_bytes = 0;                                   ///< of stored values
  double stored_bytes = 0;                                    ///< written to the shared store
  double read_blocks = 0, written_blocks = 0;                 ///< of it; without those of declined requests
};
/// By PlacementSimulation, without regard to how fast requests are served. `store` null: the same engines without it.
/// `keep`: for serve_fleet(); else memory does not grow with the requests. What a host cache of the fleet holds is
/// charged no upload; what a per-instance store holds is. Deterministic; fails as that does.
Result<FleetPlacement> place_fleet(const Workload& workload, const Fleet& fleet, const SharedStore* store, bool keep,
                                   const std::atomic<bool>* stop = nullptr);
/// How a fleet serves: what simulate_serving() and smallest_instances() are asked.
ServingOptions serving_options(const Fleet& fleet, const SharedStore* store, const ServingSlo& slo);
/// Serves what was placed, by ServingSimulation. Fails as that does.
Result<ServingResult> serve_fleet(const FleetPlacement& placed, const Fleet& fleet, const SharedStore* store,
                                  const ServingSlo& slo = {}, const std::atomic<bool>* stop = nullptr);

}  // namespace kv
