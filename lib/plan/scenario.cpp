#include "plan/scenario.hpp"

#include <fmt/format.h>

#include "plan/checks.hpp"

namespace kv {

std::span<const PlanInputRow, kPlanInputs> plan_inputs() {
  static constexpr std::array<PlanInputRow, kPlanInputs> rows{{
      {"traffic", &Scenario::traffic, 1e-3, 1e6, false, "--traffic", "times the workload's traffic"},
      {"peak", &Scenario::peak, 1, 100, false, "--peak", "busiest time over the mean"},
      {"load_factor", &Scenario::load_factor, 1e-3, 1, false, "--load-factor",
       "mean of a month over the workload's mean"},
      {"hits", &Scenario::hits, 0, 10, false, "--hits", "times the tokens that simulation finds in the cache"},
      {"prompt", &Scenario::prompt, 1e-3, 1e3, false, "", "times the workload's input tokens"},
      {"prefill_time", &Scenario::prefill_time, 1e-2, 1e2, false, "--prefill-time",
       "times what the engine's model or profile says"},
      {"decode_time", &Scenario::decode_time, 0, 1e2, false, "--decode-time", "times what the engine's model says"},
      {"utilisation", &Scenario::utilisation, 1e-2, 1, false, "--busy",
       "share of their time that instances may be busy"},
      {"stored_per_payload", &Scenario::stored_per_payload, 1e-3, 100, false, "--stored-share",
       "stored bytes of a byte of KV"},
      {"gpu_usd_per_hour", &Scenario::gpu_usd_per_hour, 0, 1e6, false, "--gpu-usd-per-hour",
       "dollars of a GPU for an hour"},
      {"cache_price", &Scenario::cache_price, 0, 1, true, "",
       "the price file's machines, bytes and zones, low to high"},
      {"cache_price_factor", &Scenario::cache_price_factor, 0, 1e3, false, "--cache-price-factor",
       "times those prices"},
      {"effort_price", &Scenario::effort_price, 0, 1, true, "", "the price file's hours of work and their price"},
      {"growth_per_month", &Scenario::growth_per_month, -0.5, 0.5, false, "--growth", "of all demand, every month"},
  }};
  return rows;
}

std::size_t plan_input(double Scenario::*figure) {
  std::size_t at = 0;
  while (at < kPlanInputs && plan_inputs()[at].figure != figure) ++at;
  return at;
}

PlanRanges ranges_around(const Scenario& scenario) {
  PlanRanges out;
  for (std::size_t i = 0; i < kPlanInputs; ++i) {
    const PlanInputRow& row = plan_inputs()[i];
    const double value = scenario.*row.figure;
    out[i] = row.is_level ? Uncertain{0, value, 1} : Uncertain::exactly(value);
  }
  return out;
}

Scenario scenario_at(const PlanRanges& ranges, std::span<const double, kPlanInputs> levels) {
  Scenario out;
  for (std::size_t i = 0; i < kPlanInputs; ++i) out.*plan_inputs()[i].figure = ranges[i].at(levels[i]);
  return out;
}

Scenario typical_scenario(const PlanRanges& ranges) {
  Scenario out;
  for (std::size_t i = 0; i < kPlanInputs; ++i) out.*plan_inputs()[i].figure = ranges[i].typical;
  return out;
}

Result<void> check_ranges(const PlanRanges& ranges) {
  for (std::size_t i = 0; i < kPlanInputs; ++i) {
    const PlanInputRow& row = plan_inputs()[i];
    const Uncertain& r = ranges[i];
    auto checked = check_figures("plan", {{row.name, r.low, row.lowest, row.highest},
                                          {row.name, r.typical, row.lowest, row.highest},
                                          {row.name, r.high, row.lowest, row.highest}});
    if (!checked) return checked;
    if (r.low > r.typical || r.typical > r.high) {
      return error(Code::bad_input, fmt::format("{} falls: {} to {} to {}", row.name, r.low, r.typical, r.high),
                   "give low, typical and high in this order");
    }
  }
  return {};
}

}  // namespace kv
