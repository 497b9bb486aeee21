#pragma once
#include <atomic>
#include <optional>

#include "plan/study.hpp"
#include "sim/smallest.hpp"

namespace kv {

/// How long users of a fleet wait, by simulation and by closed forms.
struct FleetLatency {
  ServingResult simulated{};
  double busy_share = 0;                        ///< of the instances' time, prefill and decode
  double mean_prefill_s = 0, mean_fetch_s = 0;  ///< of a request alone
  /// Mean wait for one of the instances, were prompts served one at a time and came at random: M/M/c. nullopt: more
  /// comes than is served.
  std::optional<double> mmc_wait_s;
  std::optional<double> closed_form_ttft_s() const;  ///< wait + fetch + prefill, means
  /// That would meet the SLO if any of them could serve any request with the hits that it has here; nullopt: not twice
  /// the fleet do. Routing by prefix, which balances less, takes more.
  std::optional<std::uint32_t> smallest_instances;
};

/// The fleet with and without a store, at one workload's traffic over the instances that share it.
struct LatencyAnswer {
  ServingSlo slo{};
  bool slo_given = false;  ///< false: 95 % within three times what a lone engine takes for 19 of 20 prompts
  std::uint32_t instances = 1;
  FleetLatency without, with;
  /// With the store on as many instances as are left when those that it spares are gone; nullopt: it spares none.
  std::optional<FleetLatency> with_fewer;
  std::uint32_t fewer_instances = 0;  ///< those
  /// A shared store that keeps everything and sends it at once: no cache does better on this workload.
  std::uint64_t ideal_p95_ttft_ns = 0;
  double ideal_prefill_gpus = 0;
};
/// `served` null: nothing is looked at but the baseline, which stands on both sides. `fewer`: instances that are left
/// with it, of study.instances. The last kMostServed requests are served. Placement is
/// that of the fleet, whatever number of instances is tried. Fails as simulate_serving() does.
Result<LatencyAnswer> latency_of(const PlanBasis& basis, const FleetStudy& study, const Served* served,
                                 std::uint32_t fewer, double stored_per_payload, const std::optional<ServingSlo>& slo,
                                 const std::atomic<bool>* stop = nullptr);

}  // namespace kv
