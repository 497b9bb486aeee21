#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "plan/targets.hpp"
#include "report/plan_view.hpp"

namespace kv {
namespace {

constexpr std::size_t kInputsShown = 3;

/// How people read a target's figure; its name tells.
std::string target_figure(const std::string& metric, std::optional<double> value) {
  if (!value) return "-";
  const auto is = [&metric](TargetMetric m) { return metric == target_metric_name(m); };
  if (is(TargetMetric::p95_ratio) || is(TargetMetric::throughput_ratio)) return figure_text(value, Unit::factor);
  if (is(TargetMetric::payback_days)) return fmt::format("{:.3g}", *value);
  return fmt::format("{:.3g} %", 100 * *value);
}

bool unreachable(const Json& row) { return text_at(row, "status") == target_status_name(TargetStatus::not_reachable); }

/// "must >= 3.00x: missed".
std::string goal_text(const std::string& metric, const Json& row) {
  std::string out = fmt::format("{} {} {}: {}", text_at(row, "level"),
                                flag_at(row, "at_most") ? "<" : ">=", target_figure(metric, number_at(row, "bound")),
                                text_at(row, "status"));
  const auto best = number_at(row, "best_possible");
  return out + (unreachable(row) && best ? fmt::format(" (best {})", target_figure(metric, best)) : std::string());
}

/// A metric, what is reached of it, and each target.
PlanLine target_line(const Json& document, const std::string& metric, std::set<std::string>& said) {
  std::string goals, value, reason;
  for (const Json& row : list_at(document, "targets")) {
    if (text_at(row, "metric") != metric) continue;
    value = target_figure(metric, number_at(row, "value"));
    goals += (goals.empty() ? "" : ", ") + goal_text(metric, row);
    if (unreachable(row) || text_at(row, "status") == target_status_name(TargetStatus::not_measured)) {
      reason = text_at(row, "reason");
    }
  }
  const bool news = !reason.empty() && said.insert(reason).second;
  return {"", fmt::format("{} {}: {}{}", metric, value, goals, news ? "; " + reason : "")};
}

void add_targets(const Json& document, std::vector<PlanLine>& out) {
  std::set<std::string> metrics, said;
  for (const Json& row : list_at(document, "targets")) {
    const std::string metric = text_at(row, "metric");
    if (metrics.insert(metric).second) out.push_back(target_line(document, metric, said));
  }
  if (!out.empty()) out.front().title = "targets";
}

std::string rule_text(const Json& document) {
  if (text_at(document, "decision.band").empty()) return {};
  const auto number = [&document](const char* path) { return number_at(document, path); };
  const auto high = number("decision.usd_high");
  const std::string says = text_at(document, "decision.numbers_say");
  return fmt::format(
      "the checklist says for {} GPUs: {} ({}{} a month, {:.3g} to {:.3g} days of work); the numbers say {}: they {}",
      figure_text(number("decision.gpus"), Unit::count), text_at(document, "decision.band"), high ? "" : "from ",
      high ? dollars_text(number("decision.usd_low")) + " to " + dollars_text(high)
           : dollars_text(number("decision.usd_low")),
      number("decision.days_low").value_or(0), number("decision.days_high").value_or(0), says.empty() ? "none" : says,
      flag_at(document, "decision.agree") ? "agree" : "do not agree");
}

std::string changes_text(const Json& document) {
  std::string turning, steady;
  for (const Json& row : list_at(document, "changes")) {
    const auto at = number_at(row, "turns_at");
    if (!at) {
      steady += (steady.empty() ? "" : ", ") + text_at(row, "input");
      continue;
    }
    turning += fmt::format("{}{} at {:.3g} instead of {:.3g}", turning.empty() ? "" : ", ", text_at(row, "input"), *at,
                           number_at(row, "typical").value_or(0));
  }
  std::string out = turning.empty() ? "" : "the verdict turns with " + turning;
  if (!steady.empty())
    out += fmt::format("{}no {} turns it, from a hundredth to a hundredfold", out.empty() ? "" : "; ", steady);
  return out;
}

std::string quantiles(const Json& document, const std::string& path) {
  const auto at = [&](const char* name) {
    return dollars_text(number_at(document, "uncertainty." + path + "." + name));
  };
  return fmt::format("{}, {}, {}", at("p10"), at("p50"), at("p90"));
}

std::string ranges_text(const Json& document) {
  if (!number_at(document, "uncertainty.draws")) return {};
  const auto days = [&document](const char* name) {
    const auto value = number_at(document, std::string("uncertainty.payback_days.") + name);
    return value ? fmt::format("{:.3g}", *value) : std::string("never");
  };
  return fmt::format(
      "p10, p50, p90 of {} draws (seed {}): cost a month {}; net of twelve months {}; days of payback {}, {}, {}; {} "
      "of them gain",
      figure_text(find(document, "uncertainty.draws"), Unit::count),
      number_at(document, "uncertainty.seed").value_or(0), quantiles(document, "cost_usd_per_month"),
      quantiles(document, "net_12_months_usd"), days("p10"), days("p50"), days("p90"),
      figure_text(find(document, "uncertainty.chance_of_gain"), Unit::ratio));
}

std::string inputs_text(const Json& document) {
  std::string out;
  std::size_t shown = 0;
  for (const Json& row : list_at(document, "uncertainty.tornado")) {
    if (shown == kInputsShown || number_at(row, "swing_usd").value_or(0) <= 0) break;
    out += fmt::format("{}{} from {:.3g} to {:.3g}: net {} to {}", shown++ == 0 ? "" : "; ", text_at(row, "input"),
                       number_at(row, "low").value_or(0), number_at(row, "high").value_or(0),
                       dollars_text(number_at(row, "net_at_low_usd")), dollars_text(number_at(row, "net_at_high_usd")));
  }
  return out.empty() ? out : "what matters most: " + out;
}

}  // namespace

std::vector<PlanLine> plan_judgements(const Json& document) {
  std::vector<PlanLine> out;
  add_targets(document, out);
  out.push_back({"rule", rule_text(document)});
  out.push_back({"changes", changes_text(document)});
  out.push_back({"ranges", ranges_text(document)});
  out.push_back({"", inputs_text(document)});
  std::erase_if(out, [](const PlanLine& line) { return line.text.empty(); });
  return out;
}

}  // namespace kv
