#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "plan/cost.hpp"

namespace kv {

/// What a cache saves of the GPUs' bill, and whether that is more than it costs. Pure; any number of threads may call.

/// GPUs that are busy on average at the hour for which the fleet is sized. Decode is in both sums: no prefix cache
/// makes it faster, and where KV is uploaded beside it, it gets slower (FetchEngine's decode_lost_gpu_time).
struct GpuDemand {
  double prefill_gpus = 0, decode_gpus = 0;
  double total() const { return prefill_gpus + decode_gpus; }
};

/// Engines come in whole instances of `gpus_per_instance`: the smallest_tp() that holds the model, times pp.
struct GpuFleet {
  std::uint32_t gpus_per_instance = 1;
  double utilisation = 1;  ///< share of their time that instances may be busy; 0 < it <= 1
  double usd_per_gpu_hour = 0;
  std::uint64_t committed_instances = 0;  ///< paid for whether needed or not, at the same price
};
/// demand / (GPUs of an instance x utilisation), rounded up; one at least.
Result<double> instances_needed(const GpuDemand& demand, const GpuFleet& fleet);

struct RoiQuestion {
  GpuFleet fleet;
  GpuDemand baseline;              ///< with the engine's own prefix cache, which every engine has
  GpuDemand cached;                ///< with the backend beside it
  double cache_usd_per_month = 0;  ///< in the first month; grows with the demand
  double one_off_usd = 0;          ///< hours of integration x their price
  double growth_per_month = 0;     ///< of all demand: 0.05 is 5 % more every month
  double tokens_per_month = 0;     ///< input and output, in the first month; below 1: not known
};

/// One month's bill.
struct RoiMonth {
  double baseline_instances = 0, cached_instances = 0;  ///< that are needed
  double baseline_usd = 0, cached_gpu_usd = 0, cache_usd = 0;
  double saving_usd() const { return baseline_usd - cached_gpu_usd - cache_usd; }  ///< may be negative
};

struct Roi {
  std::array<RoiMonth, 12> months;
  double one_off_usd = 0;
  /// Days until the savings reach the effort, month after month, growth included; 0 where there is no effort and the
  /// first month saves. nullopt: not within kPaybackYears.
  std::optional<double> payback_days;
  double net_12_months_usd = 0;  ///< savings of twelve months less the effort; may be negative
  std::optional<double> baseline_usd_per_million_tokens, cached_usd_per_million_tokens;  ///< in the first month

  double monthly_saving_usd() const { return months.front().saving_usd(); }
  double saved_instances() const { return months.front().baseline_instances - months.front().cached_instances; }
  bool pays() const { return net_12_months_usd > 0; }
};
inline constexpr int kPaybackYears = 10;

/// Committed instances are on both sides of the bill: while either side needs fewer, a cache saves nothing but what
/// growth would have added. Fails (bad_input) for figures that are negative or not finite; growth within -50 % and
/// +50 % a month.
Result<Roi> return_on_investment(const RoiQuestion& question);

}  // namespace kv
