#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kv {

enum class TargetLevel { must, should, nice };
enum class TargetStatus { met, missed, not_reachable, not_measured };
std::string_view target_level_name(TargetLevel level);
std::string_view target_status_name(TargetStatus status);

/// What a target is about. Ratios are without / with the cache.
enum class TargetMetric { token_hit_rate, error_rate, p95_ratio, cost_saving, throughput_ratio, payback_days };
std::string_view target_metric_name(TargetMetric metric);

/// One row knows a target of the checklist.
struct TargetRule {
  TargetLevel level;
  TargetMetric metric;
  bool at_most = false;  ///< else at least
  double bound = 0;
};
std::span<const TargetRule> checklist_targets();

/// What a plan reaches, and what no cache could beat on this workload.
struct TargetFigure {
  std::optional<double> value;  ///< nullopt: not measured, or never
  std::optional<double> best_possible;
  std::string reason;  ///< why no cache is better than that
};

struct TargetRow {
  TargetRule rule;
  TargetStatus status = TargetStatus::missed;
  TargetFigure figure;
};
/// `figures` by metric, in the order of TargetMetric.
std::vector<TargetRow> judge_targets(std::span<const TargetFigure> figures);

}  // namespace kv
