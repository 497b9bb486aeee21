#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "plan/choice.hpp"

namespace kv {

/// p10, p50 and p90 of what draws gave.
struct Quantiles {
  double p10 = 0, p50 = 0, p90 = 0;
};

/// What one input alone does to the plan: twelve months' net at its low and high end, all others typical.
struct TornadoRow {
  std::size_t input = 0;  ///< of plan_inputs()
  Uncertain range;
  double net_at_low_usd = 0, net_at_high_usd = 0;
  double swing_usd() const;
};

/// A plan of one kind and size in many scenarios.
struct Uncertainty {
  std::uint64_t seed = 1;
  std::uint32_t draws = 0;
  Quantiles cost_usd_per_month, saving_usd_per_month, net_12_months_usd;
  /// Of payback; nullopt: that share of the draws, at least, never pays back.
  std::optional<double> payback_days_p10, payback_days_p50, payback_days_p90;
  double chance_of_gain = 0;        ///< share of draws whose twelve months' net is above 0
  std::vector<TornadoRow> tornado;  ///< inputs with a range, the largest swing first
};
/// Each draw takes every input at a level of its own, uniform within its range (half of the draws below the typical
/// figure), independent of the others. The plan's store and size stay; machines are counted anew. Draws in which it
/// cannot be had count as its cost's worst: they lose the GPUs' saving. `plan` must have a roi.
Result<Uncertainty> uncertainty_of(const PlanBasis& basis, const FleetStudy& study, const Plan& plan,
                                   const PlanRanges& ranges, std::uint32_t draws, std::uint64_t seed);

/// How far one input must go until the verdict turns, all others typical.
struct ChangeRow {
  std::size_t input = 0;
  double typical = 0;
  std::optional<double> turns_at;  ///< nullopt: nowhere between a hundredth and a hundred times of it, or its bounds
};
/// Of traffic, hits, prefill time, the GPU's price, the cache's, and utilisation: the nearest value at which the best
/// of `kinds` leaves something where it left nothing, or nothing where it left something, found to 1 %.
Result<std::vector<ChangeRow>> what_would_change(const PlanBasis& basis, const FleetStudy& study,
                                                 const std::vector<const CacheKindRow*>& kinds,
                                                 const Scenario& scenario);

}  // namespace kv
