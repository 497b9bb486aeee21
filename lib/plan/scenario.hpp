#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "base/uncertain.hpp"

namespace kv {

/// The figures of a plan that nobody knows exactly, as one plan takes them. Each can be a range.
struct Scenario {
  double traffic = 1;             ///< times the workload's: so many workloads beside one another, which share nothing
  double peak = 1;                ///< busiest time that the fleet must carry over the workload's mean
  double load_factor = 1;         ///< mean of the month over the workload's mean
  double hits = 1;                ///< times the tokens that simulation finds in the cache
  double prompt = 1;              ///< times the workload's input tokens
  double prefill_time = 1;        ///< times what the engine's model or profile says
  double decode_time = 1;         ///< likewise, and times the workload's output tokens
  double utilisation = 0.7;       ///< share of their time that instances may be busy
  double stored_per_payload = 1;  ///< of the codec
  double gpu_usd_per_hour = 0;
  double cache_price = kTypical;   ///< Uncertain::at() of the price file's machines, bytes and zones
  double cache_price_factor = 1;   ///< times those: a discount, or dearer
  double effort_price = kTypical;  ///< likewise of hours and what one costs
  double growth_per_month = 0;
};

/// One row knows an input: options, draws, what-ifs and reports read the rows.
struct PlanInputRow {
  std::string_view name;  ///< "gpu_usd_per_hour"
  double Scenario::*figure = nullptr;
  double lowest = 0, highest = 0;  ///< that plans take
  bool is_level = false;           ///< 0 to 1 within the price file's ranges
  std::string_view option;         ///< of the tools; empty: none sets it directly
  std::string_view summary;
};
inline constexpr std::size_t kPlanInputs = 14;
/// In the order of Scenario's members. Static data.
std::span<const PlanInputRow, kPlanInputs> plan_inputs();

/// What is known of each input, in that order.
using PlanRanges = std::array<Uncertain, kPlanInputs>;
/// All exactly as `scenario` has them; levels of prices range over the file's.
PlanRanges ranges_around(const Scenario& scenario);
/// Each input at its level: Uncertain::at().
Scenario scenario_at(const PlanRanges& ranges, std::span<const double, kPlanInputs> levels);
Scenario typical_scenario(const PlanRanges& ranges);
/// Fails (bad_input), naming the input, where a range falls or leaves what plans take.
Result<void> check_ranges(const PlanRanges& ranges);
/// The place of an input among the rows.
std::size_t plan_input(double Scenario::*figure);

}  // namespace kv
