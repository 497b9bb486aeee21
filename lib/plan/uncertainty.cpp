#include "plan/uncertainty.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/random.hpp"

namespace kv {
namespace {

constexpr std::array<double Scenario::*, 6> kTurned{&Scenario::traffic,
                                                    &Scenario::hits,
                                                    &Scenario::prefill_time,
                                                    &Scenario::gpu_usd_per_hour,
                                                    &Scenario::cache_price_factor,
                                                    &Scenario::utilisation};
constexpr double kFarthest = 100, kStep = 1.25, kClose = 1.01;

using Levels = std::array<double, kPlanInputs>;

Levels typical_levels() {
  Levels out;
  out.fill(kTypical);
  return out;
}

/// The value below which a share of `sorted` lies (nearest rank); infinite ones sort last.
double quantile(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

Quantiles quantiles(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {quantile(values, 0.1), quantile(values, 0.5), quantile(values, 0.9)};
}

std::optional<double> known(double days) { return std::isfinite(days) ? std::optional<double>(days) : std::nullopt; }

/// One plan's kind and store, again and again in other scenarios.
class Replanner {
 public:
  Replanner(const PlanBasis& basis, const FleetStudy& study, const Plan& plan)
      : basis_(basis), study_(study), plan_(plan) {}

  Result<Plan> at(const Scenario& scenario) const {
    auto plan = plan_kind(basis_, study_, *plan_.served, *plan_.option.row, scenario, plan_.zones);
    if (!plan) return error(plan);
    if (!*plan) return error(Code::bad_input, "uncertainty: the plan's store is no place for its kind");
    return std::move(**plan);
  }

 private:
  const PlanBasis& basis_;
  const FleetStudy& study_;
  const Plan& plan_;
};

/// What draws gave, one entry a draw.
struct Draws {
  std::vector<double> cost, saving, net, payback;
  std::uint32_t gains = 0;

  void add(const Plan& plan, const Plan& typical) {
    // A store that no machines can hold costs as much as it typically does, and saves nothing.
    const double cost_usd = plan.option.cost ? plan.option.cost->total() : typical.option.cost->total();
    const double saving_usd = plan.roi ? plan.roi->monthly_saving_usd() : -cost_usd;
    const double net_usd = plan.roi ? plan.roi->net_12_months_usd : -12 * cost_usd - plan.option.one_off_usd;
    cost.push_back(cost_usd);
    saving.push_back(saving_usd);
    net.push_back(net_usd);
    payback.push_back(plan.roi && plan.roi->payback_days ? *plan.roi->payback_days : HUGE_VAL);
    gains += net_usd > 0;
  }
};

Result<std::vector<TornadoRow>> tornado(const Replanner& replanner, const PlanRanges& ranges) {
  std::vector<TornadoRow> out;
  for (std::size_t i = 0; i < kPlanInputs; ++i) {
    if (ranges[i].exact()) continue;
    TornadoRow row;
    row.input = i;
    row.range = ranges[i];
    for (const bool high : {false, true}) {
      Levels levels = typical_levels();
      levels[i] = high ? 1 : 0;
      const auto plan = replanner.at(scenario_at(ranges, levels));
      if (!plan) return error(plan);
      const double cost = plan->option.cost ? plan->option.cost->total() : 0;
      const double net = plan->roi ? plan->net_usd() : -12 * cost - plan->option.one_off_usd;
      (high ? row.net_at_high_usd : row.net_at_low_usd) = net;
    }
    out.push_back(row);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const TornadoRow& a, const TornadoRow& b) { return a.swing_usd() > b.swing_usd(); });
  return out;
}

/// Looks for where the best plan's net changes its sign when one input moves.
class Turning {
 public:
  Turning(const PlanBasis& basis, const FleetStudy& study, const std::vector<const CacheKindRow*>& kinds,
          const Scenario& typical)
      : basis_(basis), study_(study), kinds_(kinds), typical_(typical) {}

  Result<bool> gains(double Scenario::*figure, double value) const {
    Scenario scenario = typical_;
    scenario.*figure = value;
    const auto plans = best_plans(basis_, study_, kinds_, scenario);
    if (!plans) return error(plans);
    const Plan* best = best_of(*plans);
    return best != nullptr && best->net_usd() > 0;
  }

  Result<std::optional<double>> find(const PlanInputRow& row) const {
    const auto now = gains(row.figure, typical_.*row.figure);
    if (!now) return error(now);
    std::array<double, 2> reached{typical_.*row.figure, typical_.*row.figure};
    if (reached[0] <= 0) return std::optional<double>();
    for (double factor = kStep; factor <= kFarthest; factor *= kStep) {
      for (const bool up : {true, false}) {
        const double value = std::clamp(typical_.*row.figure * (up ? factor : 1 / factor), row.lowest, row.highest);
        double& last = reached[up ? 1 : 0];
        if (value == last) continue;
        const auto then = gains(row.figure, value);
        if (!then) return error(then);
        if (*then != *now) return bisect(row.figure, last, value, *now);
        last = value;
      }
    }
    return std::optional<double>();
  }

 private:
  Result<std::optional<double>> bisect(double Scenario::*figure, double same, double other, bool now) const {
    while (std::max(same, other) / std::min(same, other) > kClose) {
      const double middle = std::sqrt(same * other);
      const auto then = gains(figure, middle);
      if (!then) return error(then);
      (*then == now ? same : other) = middle;
    }
    return std::optional<double>(other);
  }

  const PlanBasis& basis_;
  const FleetStudy& study_;
  const std::vector<const CacheKindRow*>& kinds_;
  const Scenario& typical_;
};

}  // namespace

double TornadoRow::swing_usd() const { return std::abs(net_at_high_usd - net_at_low_usd); }

Result<Uncertainty> uncertainty_of(const PlanBasis& basis, const FleetStudy& study, const Plan& plan,
                                   const PlanRanges& ranges, std::uint32_t draws, std::uint64_t seed) {
  if (!plan.roi || draws == 0) return error(Code::bad_input, "uncertainty: needs a plan that can be had, and draws");
  const Replanner replanner(basis, study, plan);
  Random random(seed);
  Draws drawn;
  for (std::uint32_t i = 0; i < draws; ++i) {
    Levels levels;
    for (double& level : levels) level = random.uniform();
    const auto then = replanner.at(scenario_at(ranges, levels));
    if (!then) return error(then);
    drawn.add(*then, plan);
  }
  Uncertainty out;
  out.seed = seed;
  out.draws = draws;
  out.cost_usd_per_month = quantiles(drawn.cost);
  out.saving_usd_per_month = quantiles(drawn.saving);
  out.net_12_months_usd = quantiles(drawn.net);
  const Quantiles payback = quantiles(drawn.payback);
  out.payback_days_p10 = known(payback.p10);
  out.payback_days_p50 = known(payback.p50);
  out.payback_days_p90 = known(payback.p90);
  out.chance_of_gain = static_cast<double>(drawn.gains) / draws;
  auto rows = tornado(replanner, ranges);
  if (!rows) return error(rows);
  out.tornado = std::move(*rows);
  return out;
}

Result<std::vector<ChangeRow>> what_would_change(const PlanBasis& basis, const FleetStudy& study,
                                                 const std::vector<const CacheKindRow*>& kinds,
                                                 const Scenario& scenario) {
  const Turning turning(basis, study, kinds, scenario);
  std::vector<ChangeRow> out;
  for (double Scenario::*const figure : kTurned) {
    const std::size_t input = plan_input(figure);
    const auto at = turning.find(plan_inputs()[input]);
    if (!at) return error(at);
    out.push_back({input, scenario.*figure, *at});
  }
  return out;
}

}  // namespace kv
