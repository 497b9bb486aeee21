#include <fmt/format.h>

#include <cmath>

#include "report/plan_rows.hpp"
#include "report/plan_view.hpp"

namespace kv {
namespace {

/// "loses $120" or "leaves $120".
std::string outcome(double net_usd) { return (net_usd < 0 ? "loses " : "leaves ") + dollars_text(std::abs(net_usd)); }

std::string days_text(double days) { return fmt::format("{:.3g} days", days); }

std::string no_in_words(const Plan& plan, const std::string& kind) {
  const RoiMonth& month = plan.roi->months.front();
  const double saved = month.baseline_usd - month.cached_gpu_usd;
  const std::string end = fmt::format("twelve months of it, work included, {}", outcome(plan.net_usd()));
  if (saved <= 0) {
    return fmt::format("No: even {} spares no GPU that is paid for and costs {} a month; {}.", kind,
                       dollars_text(month.cache_usd), end);
  }
  if (month.saving_usd() <= 0) {
    return fmt::format("No: even {} costs {} a month to save GPUs for {}; {}.", kind, dollars_text(month.cache_usd),
                       dollars_text(saved), end);
  }
  return fmt::format("No: {} saves {} a month, less than the {} of work can be earned back with in a year; {}.", kind,
                     dollars_text(month.saving_usd()), dollars_text(plan.roi->one_off_usd), end);
}

}  // namespace

std::string dollars_text(std::optional<double> usd) {
  if (!usd) return "-";
  const double size = std::abs(*usd);
  std::string digits = "0";
  if (size >= 99.995) {
    digits = format_count(static_cast<std::uint64_t>(std::llround(std::min(size, 9e18))));
  } else if (size >= 0.995) {
    digits = fmt::format("{:.2f}", size);
  } else if (size > 0) {
    digits = fmt::format("{:.3g}", size);
  }
  return (*usd < 0 ? "-$" : "$") + digits;
}

std::string payback_text(const Json& row) {
  if (const auto days = number_at(row, "payback_days")) return days_text(*days);
  return number_at(row, "net_12_months_usd") ? "never" : "-";
}

std::string verdict_in_words(const Estimate& estimate) {
  if (estimate.chosen >= estimate.plans.size() || !estimate.best().roi) return "Cannot tell: no cache can be had.";
  const Plan& plan = estimate.best();
  const RoiMonth& month = plan.roi->months.front();
  const std::string kind(plan.option.row->name);
  if (estimate.verdict == Verdict::no) return no_in_words(plan, kind);
  if (estimate.verdict == Verdict::cannot_tell && estimate.fleet_too_small) {
    return fmt::format("Cannot tell: the fleet is too small for this workload without a cache, and with {} too.", kind);
  }
  if (estimate.verdict == Verdict::cannot_tell) {
    return fmt::format(
        "Cannot tell: with typical figures {} {} in twelve months, but within the ranges of the inputs {:.0f} % "
        "of the draws gain and the others lose.",
        kind, outcome(plan.net_usd()), 100 * estimate.uncertainty.chance_of_gain);
  }
  const auto& days = plan.roi->payback_days;
  return fmt::format(
      "Yes: {} costs {} a month and saves GPUs for {}; {} of work are paid back {}, and twelve months leave {}.", kind,
      dollars_text(month.cache_usd), dollars_text(month.baseline_usd - month.cached_gpu_usd),
      dollars_text(plan.roi->one_off_usd), days ? "after " + days_text(*days) : "late", dollars_text(plan.net_usd()));
}

}  // namespace kv
