#pragma once
#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "plan/demand.hpp"
#include "plan/fleet.hpp"
#include "plan/scenario.hpp"
#include "price/price_file.hpp"

namespace kv {

/// What a plan begins with beside its Scenario: a workload, the engines that serve it, and the way to a store. What is
/// pointed to outlives the plan and all that comes of it.
struct PlanBasis {
  const Workload* workload = nullptr;
  const Demand* demand = nullptr;  ///< of it
  const Prefill* prefill = nullptr;
  const KvGeometry* geometry = nullptr;
  const PriceFile* prices = nullptr;
  DecodeCost decode{};
  std::uint32_t fleet_gpus = 1;  ///< that there are
  std::uint32_t gpus = 1;        ///< of them that the plan is for: useful_gpus()
  std::uint32_t tp = 1, pp = 1;  ///< of an instance
  Blocks engine_cache{};         ///< of an instance, in HBM: the baseline's prefix cache, and running sequences
  Blocks host_cache{};           ///< of an instance: what the baseline keeps in host memory already
  Routing routing = Routing::prefix_aware;
  FetchLinks links{};             ///< to a shared store; payload rates divided by the codec's share
  double chunk_bytes = 0;         ///< of the largest value; 0: values are not cut
  double manifest_bytes = 0;      ///< of a value a block beside its KV, where they are
  double ops_per_s_per_node = 0;  ///< measured; 0: not known
  double connections_per_engine = 4;
  double cross_zone_share = 0;  ///< of reads and writes
  std::uint32_t replicas = 0;
  std::uint64_t committed_instances = 0;
  bool fetch_only_if_faster = true;
  std::optional<double> cache_bytes;  ///< of KV as stored, where the size is given
  double target_hit_rate = 0.8;       ///< by tokens, of the cache alone
  std::string node, managed_node, server;
  std::uint64_t seed = 1;

  std::uint32_t gpus_per_instance() const { return tp * pp; }
  std::uint32_t instances() const { return std::max(gpus / gpus_per_instance(), 1U); }
  double block_payload_bytes() const;  ///< as stored without codec
};

/// Where a store of a plan keeps blocks.
enum class CachePlace { shared, host_memory, nvme };

/// What simulation found of one store of one size under one workload's traffic.
struct Served {
  CachePlace place = CachePlace::shared;
  double blocks = 0;          ///< kept in steady state, by all instances together
  double token_hit_rate = 0;  ///< of all input tokens, by this store alone, declined hits left out
  double total_hit_rate = 0;  ///< with what the engines have themselves
  double prefill_gpus = 0;    ///< busy with prompts, on average
  double read_payload_bytes_per_s = 0, written_payload_bytes_per_s = 0;
  double read_blocks_per_s = 0, written_blocks_per_s = 0;
  double crossing_share = 0;  ///< of its hit tokens: stored by another instance
  double declined_share = 0;  ///< of the requests with a hit: computing is faster
};

/// All stores that a plan chooses from, and the engines without any.
struct FleetStudy {
  std::uint32_t instances = 1;  ///< that share one workload: those of the fleet / traffic, rounded, at least 1
  double cache_share = 1;       ///< what makes up for that rounding: their caches are so many times as large
  double prefill_gpus = 0, decode_gpus = 0;
  double baseline_hit_rate = 0;  ///< of the engines' own caches, by tokens
  double missed_tokens_per_s = 0;
  std::vector<Served> stores;  ///< by place, ascending in blocks
};
/// Of basis.fleet_gpus, in whole instances, those that the workload needs without a cache beside the engines': what
/// others would keep in their memory, a plan that saves GPUs must not count on. One instance at least. Fails as
/// place_fleet() does.
Result<std::uint32_t> useful_gpus(const PlanBasis& basis, const Scenario& scenario,
                                  const std::atomic<bool>* stop = nullptr);
/// The fleet of a basis, so many instances of it.
Fleet fleet_of(const PlanBasis& basis, std::uint32_t instances, double cache_share = 1);
/// A store of `blocks` in all for that fleet: links, and whether each instance has its own.
SharedStore store_of(const PlanBasis& basis, CachePlace place, double blocks, std::uint32_t instances,
                     double stored_per_payload);
/// Blocks that host memory or drives of so many instances have room for, by the price file; 0: it has none.
double local_room_blocks(const PlanBasis& basis, CachePlace place, double instances, double stored_per_payload);
/// A placement simulation for each of some ten sizes, on `threads` threads. Fails as those do.
Result<FleetStudy> study_fleet(const PlanBasis& basis, double traffic, double stored_per_payload, unsigned threads,
                               const std::atomic<bool>* stop = nullptr);

}  // namespace kv
