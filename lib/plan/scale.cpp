#include "plan/scale.hpp"

#include "plan/checks.hpp"

namespace kv {
namespace {

/// Traffic at which a fleet of so many GPUs is as busy as planned.
double filling(const FleetStudy& study, const Scenario& s, double gpus) {
  const double of_one = (study.prefill_gpus * s.prompt * s.prefill_time + study.decode_gpus * s.decode_time) * s.peak;
  return gpus * s.utilisation / of_one;
}

Result<ScaleRow> row_of(const PlanBasis& basis, const FleetStudy& study, const std::vector<const CacheKindRow*>& kinds,
                        const Scenario& typical, std::uint32_t gpus, double traffic) {
  PlanBasis scaled = basis;
  Scenario scenario = typical;
  scenario.traffic = filling(study, typical, gpus) * traffic;
  const double needed = gpus * traffic;
  scaled.gpus = scaled.fleet_gpus = static_cast<std::uint32_t>(std::min(std::max(needed, 1.0), 4e9));
  const auto checked = check_figures("scale", {{"times the workload's traffic", scenario.traffic, 1e-9, 1e6}});
  if (!checked) return error(checked);
  auto plans = best_plans(scaled, study, kinds, scenario);
  if (!plans) return error(plans);
  const Plan* best = best_of(*plans);
  if (best == nullptr) {
    return error(Code::bad_input, fmt::format("no kind of cache can be had for {} GPUs", gpus),
                 "ask for other kinds, or for a fleet of another size");
  }
  ScaleRow out;
  out.gpus = gpus;
  out.traffic = traffic;
  out.requests_per_s = basis.demand->requests_per_s * scenario.traffic;
  const RoiMonth& month = best->roi->months.front();
  out.gpus_without = month.baseline_instances * basis.gpus_per_instance();
  out.gpus_with = month.cached_instances * basis.gpus_per_instance();
  out.network_bytes_per_s = best->traffic.read_bytes_per_s + best->traffic.written_bytes_per_s;
  out.plan = *best;
  return out;
}

}  // namespace

Result<std::vector<ScaleRow>> plan_at_scale(const PlanBasis& basis, const FleetStudy& study,
                                            const std::vector<const CacheKindRow*>& kinds, const Scenario& scenario,
                                            std::span<const std::uint32_t> gpus, std::span<const double> traffic) {
  if (study.prefill_gpus + study.decode_gpus <= 0) {
    return error(Code::bad_input, "scale: the workload keeps no GPU busy, so that no number of them is filled",
                 "give a workload with prompts");
  }
  std::vector<ScaleRow> out;
  for (const std::uint32_t count : gpus) {
    for (const double times : traffic) {
      auto row = row_of(basis, study, kinds, scenario, count, times);
      if (!row) return error(row);
      out.push_back(std::move(*row));
    }
  }
  return out;
}

}  // namespace kv
