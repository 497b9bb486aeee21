#pragma once
#include <optional>
#include <vector>

#include "plan/options.hpp"
#include "plan/roi.hpp"
#include "plan/scenario.hpp"
#include "plan/study.hpp"

namespace kv {

/// What a store adds to and takes from the month, at the traffic of a scenario.
struct CacheTraffic {
  double token_hit_rate = 0;  ///< by the store, of all input tokens
  double total_hit_rate = 0;  ///< with what the engines have themselves
  GpuDemand baseline, cached;
  double read_bytes_per_s = 0, written_bytes_per_s = 0;  ///< stored bytes, at the busiest time
  double values_per_s = 0;                               ///< read and written, likewise
  CacheLoad load;                                        ///< mean of the month
  double tokens_per_month = 0;
};
/// Rates are the study's x traffic (x peak for the busiest time, x load_factor for the month). With `hits` times the
/// hits found, so many times the computing is saved (never more than all of it) and the bytes read; what is missed
/// instead is written.
CacheTraffic traffic_of(const PlanBasis& basis, const FleetStudy& study, const Served& served, const Scenario& scenario,
                        double values_per_block);

/// Where zones are no matter, or engines and machines are spread over three and do not look for the near one.
enum class ZonePlacement { given, spread };
inline constexpr double kSpreadCrossing = 2.0 / 3;

/// One way to keep a cache of one size, with what it saves.
struct Plan {
  const Served* served = nullptr;  ///< of the study
  ZonePlacement zones = ZonePlacement::given;
  CacheTraffic traffic;
  CacheOption option;
  std::optional<Roi> roi;  ///< nullopt: the option cannot be had

  double net_usd() const { return roi ? roi->net_12_months_usd : 0; }
};
/// Of one kind; where a store is no place for the kind, nullopt.
Result<std::optional<Plan>> plan_kind(const PlanBasis& basis, const FleetStudy& study, const Served& served,
                                      const CacheKindRow& kind, const Scenario& scenario,
                                      ZonePlacement zones = ZonePlacement::given,
                                      std::optional<std::uint32_t> replicas = std::nullopt);
/// Of each of `kinds`, the size that leaves most in twelve months, the smallest of equal ones; one that cannot be had
/// where no size can.
Result<std::vector<Plan>> best_plans(const PlanBasis& basis, const FleetStudy& study,
                                     const std::vector<const CacheKindRow*>& kinds, const Scenario& scenario);
/// The plan that leaves most, effort included; nullptr without any that can be had. A platform's price is what it
/// begins at, whatever its size: it is only chosen where nothing else can be had.
const Plan* best_of(const std::vector<Plan>& plans);
CachePlace place_of(CacheKind kind);

}  // namespace kv
