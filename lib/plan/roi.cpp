#include "plan/roi.hpp"

#include <algorithm>
#include <cmath>

#include "plan/checks.hpp"

namespace kv {
namespace {

constexpr double kMostGpus = 1e9, kMostUsd = 1e12;
constexpr double kRounding = 1e-9;  // a demand that fills its instances exactly needs no further one
constexpr double kMostGrown = 1e9;  // times the first month's demand: what grows longer counts no further

Result<void> check_demand(const GpuDemand& demand) {
  return check_figures("GPUs", {{"those busy with prefill", demand.prefill_gpus, 0, kMostGpus},
                                {"those busy with decode", demand.decode_gpus, 0, kMostGpus}});
}

Result<void> check_fleet(const GpuFleet& fleet) {
  return check_figures("GPUs", {{"GPUs of an instance", static_cast<double>(fleet.gpus_per_instance), 1, 65536},
                                {"the utilisation of instances", fleet.utilisation, 1e-3, 1},
                                {"dollars per GPU-hour", fleet.usd_per_gpu_hour, 0, 1e6},
                                {"committed instances", static_cast<double>(fleet.committed_instances), 0, kMostGpus}});
}

Result<void> check_question(const RoiQuestion& q) {
  if (auto checked = check_fleet(q.fleet); !checked) return checked;
  if (auto checked = check_demand(q.baseline); !checked) return checked;
  if (auto checked = check_demand(q.cached); !checked) return checked;
  return check_figures("return", {{"dollars of the cache a month", q.cache_usd_per_month, 0, kMostUsd},
                                  {"dollars of integration", q.one_off_usd, 0, kMostUsd},
                                  {"growth a month", q.growth_per_month, -0.5, 0.5},
                                  {"tokens a month", q.tokens_per_month, 0, 1e21}});
}

double instances(const GpuDemand& demand, const GpuFleet& fleet, double grown) {
  const double filled = demand.total() * grown / (fleet.gpus_per_instance * fleet.utilisation);
  return std::max(std::ceil(filled * (1 - kRounding)), 1.0);
}

double bill_usd(double needed, const GpuFleet& fleet) {
  const double billed = std::max(needed, static_cast<double>(fleet.committed_instances));
  return billed * fleet.gpus_per_instance * fleet.usd_per_gpu_hour * kHoursPerMonth;
}

RoiMonth month_of(const RoiQuestion& q, int month) {
  const double grown = std::min(std::pow(1 + q.growth_per_month, month), kMostGrown);
  RoiMonth out;
  out.baseline_instances = instances(q.baseline, q.fleet, grown);
  out.cached_instances = instances(q.cached, q.fleet, grown);
  out.baseline_usd = bill_usd(out.baseline_instances, q.fleet);
  out.cached_gpu_usd = bill_usd(out.cached_instances, q.fleet);
  out.cache_usd = q.cache_usd_per_month * grown;
  return out;
}

/// Within a month savings come evenly. A plan that loses in some months has paid back when it stays paid back: the
/// first time that the sum reaches the effort, if no later month takes it below again.
std::optional<double> payback_days(const RoiQuestion& q) {
  if (q.growth_per_month == 0) {  // every month is the first: what plans are tried with by the thousand
    const double saving = month_of(q, 0).saving_usd();
    const double months = saving > 0 ? q.one_off_usd / saving : kPaybackYears * 12 + 1;
    return months <= kPaybackYears * 12 ? std::optional(months * kDaysPerMonth) : std::nullopt;
  }
  std::optional<double> reached;
  double left = q.one_off_usd;
  for (int month = 0; month < kPaybackYears * 12; ++month) {
    const double saving = month_of(q, month).saving_usd();
    if (saving > 0 && left <= saving && !reached) {
      reached = (month + std::max(left, 0.0) / saving) * kDaysPerMonth;
    }
    left -= saving;
    if (left > 0) reached.reset();
  }
  return reached;
}

}  // namespace

Result<double> instances_needed(const GpuDemand& demand, const GpuFleet& fleet) {
  if (const auto checked = check_demand(demand); !checked) return error(checked);
  if (const auto checked = check_fleet(fleet); !checked) return error(checked);
  return instances(demand, fleet, 1);
}

Result<Roi> return_on_investment(const RoiQuestion& q) {
  if (const auto checked = check_question(q); !checked) return error(checked);
  Roi out;
  out.one_off_usd = q.one_off_usd;
  out.net_12_months_usd = -q.one_off_usd;
  for (std::size_t month = 0; month < out.months.size(); ++month) {
    out.months[month] = month_of(q, static_cast<int>(month));
    out.net_12_months_usd += out.months[month].saving_usd();
  }
  out.payback_days = payback_days(q);
  if (q.tokens_per_month >= 1) {
    const RoiMonth& first = out.months.front();
    const double millions = q.tokens_per_month / 1e6;
    out.baseline_usd_per_million_tokens = first.baseline_usd / millions;
    out.cached_usd_per_million_tokens = (first.cached_gpu_usd + first.cache_usd) / millions;
  }
  return out;
}

}  // namespace kv
