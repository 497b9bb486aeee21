#include "plan/targets.hpp"

#include <array>

namespace kv {
namespace {

bool holds(const TargetRule& rule, double value) { return rule.at_most ? value < rule.bound : value >= rule.bound; }

TargetStatus status_of(const TargetRule& rule, const TargetFigure& figure) {
  if (figure.value && holds(rule, *figure.value)) return TargetStatus::met;
  if (figure.best_possible && !holds(rule, *figure.best_possible)) return TargetStatus::not_reachable;
  if (!figure.value && rule.metric == TargetMetric::error_rate) return TargetStatus::not_measured;
  return TargetStatus::missed;
}

}  // namespace

std::string_view target_level_name(TargetLevel level) {
  return level == TargetLevel::must ? "must" : level == TargetLevel::should ? "should" : "nice";
}

std::string_view target_status_name(TargetStatus status) {
  switch (status) {
    case TargetStatus::met:
      return "met";
    case TargetStatus::missed:
      return "missed";
    case TargetStatus::not_reachable:
      return "not reachable";
    case TargetStatus::not_measured:
      return "not measured";
  }
  return "";
}

std::string_view target_metric_name(TargetMetric metric) {
  switch (metric) {
    case TargetMetric::token_hit_rate:
      return "token hit rate";
    case TargetMetric::error_rate:
      return "error rate";
    case TargetMetric::p95_ratio:
      return "P95 TTFT, times better";
    case TargetMetric::cost_saving:
      return "cost saved";
    case TargetMetric::throughput_ratio:
      return "throughput, times more";
    case TargetMetric::payback_days:
      return "payback in days";
  }
  return "";
}

std::span<const TargetRule> checklist_targets() {
  using L = TargetLevel;
  using M = TargetMetric;
  static constexpr std::array rules{
      TargetRule{L::must, M::token_hit_rate, false, 0.8},
      TargetRule{L::must, M::error_rate, true, 0.001},
      TargetRule{L::must, M::p95_ratio, false, 3},
      TargetRule{L::must, M::cost_saving, false, 0.5},
      TargetRule{L::should, M::p95_ratio, false, 5},
      TargetRule{L::should, M::throughput_ratio, false, 5},
      TargetRule{L::should, M::payback_days, true, 365.0 / 12},
      TargetRule{L::nice, M::p95_ratio, false, 10},
      TargetRule{L::nice, M::cost_saving, false, 0.7},
      TargetRule{L::nice, M::throughput_ratio, false, 10},
  };
  return rules;
}

std::vector<TargetRow> judge_targets(std::span<const TargetFigure> figures) {
  std::vector<TargetRow> out;
  for (const TargetRule& rule : checklist_targets()) {
    const TargetFigure& figure = figures[static_cast<std::size_t>(rule.metric)];
    out.push_back({rule, status_of(rule, figure), figure});
  }
  return out;
}

}  // namespace kv
