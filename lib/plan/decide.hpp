#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plan/choice.hpp"

namespace kv {

/// A band of the checklist's decision tree: so many GPUs, so the answer, its effort and its budget.
struct DecisionBand {
  std::string_view name;
  std::uint32_t from_gpus = 0;
  std::optional<std::uint32_t> to_gpus;  ///< the first that is beyond; nullopt: no end
  std::vector<CacheKind> kinds;          ///< that it names
  double usd_low = 0;
  std::optional<double> usd_high;      ///< a month
  double days_low = 0, days_high = 0;  ///< of work
  std::string_view summary;
};
/// Ascending, without gaps.
const std::vector<DecisionBand>& decision_bands();
const DecisionBand& band_of(std::uint32_t gpus);

/// What a budget buys on rented machines that are cheapest by the byte.
struct BudgetRow {
  double usd_per_month = 0;
  double bytes = 0, tokens = 0;
  double token_hit_rate = 0;       ///< between the sizes simulated in straight lines
  double saved_usd_per_month = 0;  ///< of GPU time, busy, at its price
};

/// The rule beside the numbers.
struct Decision {
  const DecisionBand* band = nullptr;    ///< static data
  bool agree = false;                    ///< the plan that leaves most is of a kind the band names
  std::vector<std::string> explanation;  ///< sentences: why the numbers say what they say
  std::vector<std::string> leaving;      ///< what it would take to leave the band, either way
  std::vector<BudgetRow> budgets;
};
/// `plans`: best_plans() of all kinds; fails as planning does.
Result<Decision> decide(const PlanBasis& basis, const FleetStudy& study, const std::vector<Plan>& plans,
                        const Scenario& scenario);

}  // namespace kv
