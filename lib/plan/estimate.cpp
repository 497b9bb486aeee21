#include "plan/estimate.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/parallel.hpp"
#include "plan/dollars.hpp"
#include "plan/estimate_words.hpp"

namespace kv {
namespace {

constexpr double kSureOfGain = 0.8;
constexpr double kLossesPerNodeMonth = 0.02;  // one machine in four years (an assumption)

Result<void> check(const EstimateQuestion& q) {
  const PlanBasis& b = q.basis;
  if (b.fleet_gpus < b.gpus_per_instance()) {
    return error(Code::bad_input,
                 fmt::format("{} GPUs hold no instance: one takes {} (tp {} x pp {})", b.fleet_gpus,
                             b.gpus_per_instance(), b.tp, b.pp),
                 "give more --gpus, another --gpu, or --weight-dtype fp8");
  }
  if (b.cache_bytes && *b.cache_bytes < b.block_payload_bytes()) {
    return error(
        Code::bad_input,
        fmt::format("a cache of {:.0f} bytes holds not one block of {:.0f}", *b.cache_bytes, b.block_payload_bytes()),
        "ask for a larger cache");
  }
  if (q.kinds.empty()) return error(Code::bad_input, "a plan needs a kind of cache to choose from", "see --kinds");
  return check_ranges(q.ranges);
}

/// Of the kinds on rented machines: what zones add where nobody looks for the near machine.
Result<std::vector<Plan>> spread_plans(const EstimateQuestion& q, const Estimate& e) {
  std::vector<Plan> out;
  for (const Plan& plan : e.plans) {
    const CacheKind kind = plan.option.row->kind;
    const bool rented = kind == CacheKind::redis_cluster || kind == CacheKind::managed || kind == CacheKind::serverless;
    if (!rented || !plan.roi) continue;
    auto spread = plan_kind(q.basis, *e.study, *plan.served, *plan.option.row, e.scenario, ZonePlacement::spread);
    if (!spread) return error(spread);
    if (*spread) out.push_back(std::move(**spread));
  }
  return out;
}

Result<ReplicaChoice> replicas_of(const EstimateQuestion& q, const Estimate& e) {
  ReplicaChoice out;
  const Plan& plan = e.best();
  if (!plan.option.nodes) return out;
  for (const std::uint32_t copies : {0U, 1U}) {
    auto other = plan_kind(q.basis, *e.study, *plan.served, *plan.option.row, e.scenario, plan.zones, copies);
    if (!other) return error(other);
    (copies == 0 ? out.none : out.one) = std::move(*other);
  }
  if (!out.none || !out.none->option.nodes || !out.none->option.nodes->machines) return out;
  // All of the content computed again, at what a token of this workload takes: an upper bound.
  const double tokens_per_s = e.study->missed_tokens_per_s;
  const double gpu_s_per_token = tokens_per_s > 0 ? e.study->prefill_gpus * e.scenario.prefill_time / tokens_per_s : 0;
  const auto lost = rewarm(plan.option.size.tokens * gpu_s_per_token,
                           static_cast<double>(*out.none->option.nodes->machines), kLossesPerNodeMonth, 0);
  if (!lost) return error(lost);
  out.rewarm = *lost;
  return out;
}

double instances(double gpus, const Estimate& e, const PlanBasis& b) {
  const auto needed = instances_needed({gpus, 0}, {b.gpus_per_instance(), e.scenario.utilisation, 0, 0});
  return needed ? *needed : 1;
}

/// By TargetMetric, in its order.
std::array<TargetFigure, 6> figures_of(const EstimateQuestion& q, const Estimate& e) {
  const Plan& plan = e.best();
  const GpuDemand &base = plan.traffic.baseline, &cached = plan.traffic.cached;
  const double ideal_prefill =
      e.study->prefill_gpus > 0 ? base.prefill_gpus * e.latency.ideal_prefill_gpus / e.study->prefill_gpus : 0;
  const double ideal = ideal_prefill + base.decode_gpus;
  const std::string decode =
      fmt::format("with a free cache that keeps everything {:.2f} of {:.2f} GPUs stay busy, {:.2f} with decode", ideal,
                  base.total(), base.decode_gpus);
  std::array<TargetFigure, 6> out;
  const auto of = [&out](TargetMetric metric) -> TargetFigure& { return out[static_cast<std::size_t>(metric)]; };
  of(TargetMetric::token_hit_rate) = {plan.traffic.total_hit_rate, q.basis.demand->ceiling_token_hit_rate,
                                      fmt::format("{:.1f} % of the input tokens are in blocks that occur for the first "
                                                  "time",
                                                  100 * (1 - q.basis.demand->ceiling_token_hit_rate))};
  of(TargetMetric::error_rate) = {q.measured_error_rate, std::nullopt, "a plan cannot know it: give --run"};
  const auto p95 = [](const FleetLatency& l) { return static_cast<double>(l.simulated.ttft.quantile(0.95)); };
  TargetFigure& ratio = of(TargetMetric::p95_ratio);
  ratio.reason =
      "every twentieth prompt has too little that was computed before, even in a cache that keeps everything "
      "and sends it at once";
  // On the GPUs that are left: what is sold together with their price.
  const FleetLatency& sold = e.latency.with_fewer ? *e.latency.with_fewer : e.latency.with;
  if (p95(sold) > 0) ratio.value = p95(e.latency.without) / p95(sold);
  if (e.latency.ideal_p95_ttft_ns > 0) {
    ratio.best_possible = p95(e.latency.without) / static_cast<double>(e.latency.ideal_p95_ttft_ns);
  }
  const double needed = instances(base.total(), e, q.basis), fewest = instances(ideal, e, q.basis);
  const RoiMonth& month = plan.roi->months.front();
  TargetFigure& saved = of(TargetMetric::cost_saving);
  saved.reason = decode;
  if (month.baseline_usd > 0) saved.value = month.saving_usd() / month.baseline_usd;
  saved.best_possible = 1 - fewest / needed;
  TargetFigure& throughput = of(TargetMetric::throughput_ratio);
  throughput.reason = decode;
  if (cached.total() > 0) throughput.value = base.total() / cached.total();
  if (ideal > 0) throughput.best_possible = base.total() / ideal;
  TargetFigure& payback = of(TargetMetric::payback_days);
  payback.value = plan.roi->payback_days;
  const double most_usd =
      (needed - fewest) * q.basis.gpus_per_instance() * e.scenario.gpu_usd_per_hour * kHoursPerMonth;
  payback.reason = fmt::format("a free cache that keeps everything saves {} a month, and the work costs {}",
                               dollars(most_usd), dollars(plan.roi->one_off_usd));
  if (e.scenario.growth_per_month <= 0) {
    payback.best_possible = most_usd > 0 ? plan.roi->one_off_usd / most_usd * kDaysPerMonth : 1e9;
  }
  return out;
}

Verdict verdict_of(const Estimate& e) {
  const bool gains = e.best().net_usd() > 0;
  const double chance = e.uncertainty.chance_of_gain;
  if (gains && e.fleet_too_small) return Verdict::cannot_tell;
  if (gains && chance >= kSureOfGain) return Verdict::yes;
  if (!gains && chance <= 1 - kSureOfGain) return Verdict::no;
  return Verdict::cannot_tell;
}

Result<void> add_plans(const EstimateQuestion& q, Estimate& e) {
  auto plans = best_plans(q.basis, *e.study, q.kinds, e.scenario);
  if (!plans) return error(plans);
  e.plans = std::move(*plans);
  const Plan* best = best_of(e.plans);
  if (best == nullptr) {
    const std::string why = e.plans.empty() ? "there is no room for one block" : e.plans.front().option.trouble;
    return error(Code::bad_input, "no kind of cache asked for can be had: " + why,
                 "ask for other --kinds, or give a price file that has their machines");
  }
  e.chosen = static_cast<std::size_t>(best - e.plans.data());
  auto spread = spread_plans(q, e);
  if (!spread) return error(spread);
  e.spread = std::move(*spread);
  auto replicas = replicas_of(q, e);
  if (!replicas) return error(replicas);
  e.replicas = std::move(*replicas);
  return {};
}

Result<void> add_simulations(const EstimateQuestion& q, Estimate& e, const std::atomic<bool>* stop) {
  const double share = e.scenario.stored_per_payload;
  const Served& store = *e.best().served;
  // Of the instances that one workload has.
  const double left = e.study->instances - e.best().roi->saved_instances() / e.scenario.traffic;
  const auto fewer = static_cast<std::uint32_t>(std::max(std::round(left), 1.0));
  std::optional<Result<LatencyAnswer>> latency;
  std::optional<Result<std::vector<WhereRow>>> where;
  run_parallel(2, q.threads, [&](std::size_t i) {
    if (i == 0) {
      latency = latency_of(q.basis, *e.study, &store, fewer, share, q.slo, stop);
    } else {
      where = where_to_keep(q.basis, *e.study, store.blocks, share, q.threads, stop);
    }
  });
  if (!*latency) return error(*latency);
  if (!*where) return error(*where);
  e.latency = std::move(**latency);
  e.where = std::move(**where);
  return {};
}

Result<void> add_judgement(const EstimateQuestion& q, Estimate& e) {
  auto tiers = rent_tiers(q.basis, *e.study, e.scenario);
  if (!tiers) return error(tiers);
  e.tiers = std::move(*tiers);
  auto uncertainty = uncertainty_of(q.basis, *e.study, e.best(), q.ranges, q.draws, q.basis.seed);
  if (!uncertainty) return error(uncertainty);
  e.uncertainty = std::move(*uncertainty);
  auto changes = what_would_change(q.basis, *e.study, q.kinds, e.scenario);
  if (!changes) return error(changes);
  e.changes = std::move(*changes);
  auto decision = decide(q.basis, *e.study, e.plans, e.scenario);
  if (!decision) return error(decision);
  e.decision = std::move(*decision);
  e.targets = judge_targets(figures_of(q, e));
  e.fleet_too_small = e.best().roi->months.front().cached_instances * q.basis.gpus_per_instance() > q.basis.fleet_gpus;
  e.verdict = verdict_of(e);
  return {};
}

}  // namespace

std::string_view verdict_name(Verdict verdict) {
  return verdict == Verdict::yes ? "yes" : verdict == Verdict::no ? "no" : "cannot tell";
}

Result<Estimate> estimate(const EstimateQuestion& q, const std::atomic<bool>* stop) {
  if (const auto checked = check(q); !checked) return error(checked);
  Estimate out;
  out.scenario = typical_scenario(q.ranges);
  auto study = study_fleet(q.basis, out.scenario.traffic, out.scenario.stored_per_payload, q.threads, stop);
  if (!study) return error(study);
  out.study = std::make_unique<FleetStudy>(std::move(*study));
  if (auto done = add_plans(q, out); !done) return error(done);
  if (auto done = add_simulations(q, out, stop); !done) return error(done);
  if (auto done = add_judgement(q, out); !done) return error(done);
  out.reasons = reasons_of(q, out);
  out.assumptions = assumptions_of(q, out);
  out.warnings = plan_warnings_of(q, out);
  return out;
}

}  // namespace kv
