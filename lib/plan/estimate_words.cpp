#include "plan/estimate_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "plan/dollars.hpp"

namespace kv {
namespace {

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string gb(double bytes) {
  return bytes >= 1e12 ? fmt::format("{:.3g} TB", bytes / 1e12) : fmt::format("{:.3g} GB", bytes / 1e9);
}

double gpus_needed(double instances, const PlanBasis& basis) { return instances * basis.gpus_per_instance(); }

std::string choice_sentence(const Estimate& e, const PlanBasis& basis) {
  const Plan& plan = e.best();
  const RoiMonth& month = plan.roi->months.front();
  const bool named = plan.option.on.empty() || plan.option.on == plan.option.row->name;
  return fmt::format("{}{} keeps {} of KV and finds {} of the input tokens: {:.0f} GPUs do instead of {:.0f}",
                     plan.option.row->name, named ? "" : " on " + plan.option.on, gb(plan.option.size.stored_bytes),
                     percent(plan.traffic.token_hit_rate), gpus_needed(month.cached_instances, basis),
                     gpus_needed(month.baseline_instances, basis));
}

void say_whole_instances(const EstimateQuestion& q, const Estimate& e, std::vector<std::string>& out) {
  const Plan& plan = e.best();
  const double saved = plan.traffic.baseline.total() - plan.traffic.cached.total();
  if (plan.roi->saved_instances() >= 1 || saved <= 0) return;
  out.push_back(
      fmt::format("it spares {:.2f} GPUs of work, which is not a whole instance of {}: the bill for GPUs stays",
                  saved / e.scenario.utilisation, q.basis.gpus_per_instance()));
}

void say_idle(const EstimateQuestion& q, const Estimate& e, std::vector<std::string>& out) {
  const double needed = gpus_needed(e.best().roi->months.front().baseline_instances, q.basis);
  const double kept = std::max(needed, gpus_needed(static_cast<double>(q.basis.committed_instances), q.basis));
  const double idle = q.basis.fleet_gpus - kept;
  if (needed > q.basis.fleet_gpus) {
    out.push_back(
        fmt::format("the workload needs {:.0f} GPUs without any cache, and the fleet has {}: what a cache saves are "
                    "GPUs that would have to be rented",
                    needed, q.basis.fleet_gpus));
  }
  if (idle < q.basis.gpus_per_instance()) return;
  out.push_back(fmt::format(
      "the workload needs {:.0f} GPUs without any cache, and the fleet has {}: doing without {:.0f} of them saves {} a "
      "month, whatever the cache",
      needed, q.basis.fleet_gpus, idle, dollars(idle * e.scenario.gpu_usd_per_hour * kHoursPerMonth)));
}

void say_committed(const EstimateQuestion& q, const Estimate& e, std::vector<std::string>& out) {
  if (q.basis.committed_instances == 0) return;
  const RoiMonth& month = e.best().roi->months.front();
  const auto committed = static_cast<double>(q.basis.committed_instances);
  if (committed <= month.cached_instances) return;
  out.push_back(
      fmt::format("{:.0f} GPUs are committed and paid for in any case: a cache saves nothing of them, but what growth "
                  "would have added",
                  gpus_needed(committed, q.basis)));
}

void say_rent(const Estimate& e, std::vector<std::string>& out) {
  for (const RentTierAnswer& tier : e.tiers) {
    if (tier.kind->kind != CacheKind::managed || !tier.answer.breakeven_reuse_s) continue;
    std::string text = fmt::format("on {} keeping a block costs as much as computing it again after {:.3g} s", tier.on,
                                   *tier.answer.breakeven_reuse_s);
    if (tier.answer.share_inside) text += "; " + percent(*tier.answer.share_inside) + " of the reuses come sooner";
    if (!tier.advice.best) text += "; no size of it saves more than its rent";
    out.push_back(text);
  }
}

void say_latency(const Estimate& e, std::vector<std::string>& out) {
  const double without = e.latency.without.simulated.ttft.mean(), with = e.latency.with.simulated.ttft.mean();
  if (with <= 0) return;
  out.push_back(fmt::format("mean time to first token: {} without, {} with it ({:.2f} times)",
                            format_duration(Duration(std::llround(without))),
                            format_duration(Duration(std::llround(with))), without / with));
}

void say_decode(const Estimate& e, std::vector<std::string>& out) {
  const GpuDemand& base = e.best().traffic.baseline;
  if (base.total() <= 0 || base.decode_gpus <= 0) return;
  out.push_back(fmt::format("decode keeps {:.2f} of {:.2f} busy GPUs, and no prefix cache makes it faster",
                            base.decode_gpus, base.total()));
}

}  // namespace

std::vector<std::string> reasons_of(const EstimateQuestion& q, const Estimate& e) {
  std::vector<std::string> out{choice_sentence(e, q.basis)};
  say_whole_instances(q, e, out);
  say_idle(q, e, out);
  say_committed(q, e, out);
  out.push_back(fmt::format("no cache can find more than {} of the input tokens; the engines' own find {}",
                            percent(q.basis.demand->ceiling_token_hit_rate), percent(e.study->baseline_hit_rate)));
  say_rent(e, out);
  say_latency(e, out);
  say_decode(e, out);
  out.push_back(fmt::format("in {} of {} draws from the ranges of the inputs it leaves something after twelve months",
                            percent(e.uncertainty.chance_of_gain), e.uncertainty.draws));
  return out;
}

std::vector<std::string> assumptions_of(const EstimateQuestion& q, const Estimate& e) {
  const PlanBasis& b = q.basis;
  const Scenario& s = e.scenario;
  std::vector<std::string> out;
  out.push_back(fmt::format(
      "the baseline is the same engines with their own prefix cache of {} each, {} routing",
      gb(static_cast<double>(b.geometry->engine_block().count()) * static_cast<double>(b.engine_cache.count())),
      routing_name(b.routing)));
  out.push_back(
      fmt::format("machines and GPUs are sized for {:.3g} times the mean, instances being busy {} of their time",
                  s.peak, percent(s.utilisation)));
  out.push_back(
      fmt::format("a month is {:.0f} hours at {} of the workload's mean rate; GPUs are paid by the hour for all "
                  "of it, in whole instances of {}",
                  kHoursPerMonth, percent(s.load_factor), b.gpus_per_instance()));
  out.push_back(
      fmt::format("the workload spans {:.3g} hours: everything beyond is the same again", b.demand->span_s / 3600));
  if (s.traffic != 1) {
    out.push_back(
        fmt::format("{:.3g} times the traffic is as many such workloads, which share nothing: {} instances "
                    "each",
                    s.traffic, e.study->instances));
  }
  out.push_back(
      fmt::format("a fetch waits {} and gets at most {} a second for one instance; hits that computing beats "
                  "are computed",
                  format_duration(b.links.latency), gb(b.links.instance_bytes_per_s)));
  out.emplace_back(
      "prompts are computed as modelled, and storing costs engines nothing; upload beside decode is not "
      "charged");
  for (const LocalPrice& local : b.prices->locals) {
    if (local.usd_per_gb_hour.at(s.cache_price) > 0) continue;
    out.push_back(fmt::format("{} of {} are idle beside each GPU, and free",
                              gb(static_cast<double>(local.capacity_per_gpu.count())), local.name));
  }
  out.emplace_back("break-even intervals and TTLs look at all reuses, also those that the engines serve themselves");
  out.emplace_back("stores evict the least recently used; engines write through: what they compute is stored");
  if (b.ops_per_s_per_node <= 0) {
    out.emplace_back("operations of a node are not known and constrain nothing: give --backend-profile");
  }
  out.push_back(fmt::format("everything is kept {}, and {} of the traffic crosses zones",
                            b.replicas == 0 ? "once" : "twice", percent(b.cross_zone_share)));
  return out;
}

std::vector<std::string> plan_warnings_of(const EstimateQuestion& q, const Estimate& e) {
  const PlanBasis& b = q.basis;
  std::vector<std::string> out;
  if (b.demand->still_warming) {
    out.emplace_back("the workload's hits are still rising at its end: a longer one would show more of them");
  }
  if (b.demand->span_s < 24 * 3600) {
    out.push_back(fmt::format("a month is extrapolated from {:.3g} hours: days and nights are not in it",
                              b.demand->span_s / 3600));
  }
  const double busy =
      e.best().traffic.baseline.total() / std::max(1.0, static_cast<double>(b.fleet_gpus)) / e.scenario.utilisation;
  if (busy > 1) {
    out.push_back(
        fmt::format("{} GPUs do not carry this workload at {} of their time: without a cache it keeps {:.1f} "
                    "busy",
                    b.fleet_gpus, percent(e.scenario.utilisation), e.best().traffic.baseline.total()));
  }
  if (e.latency.without.simulated.refused > 0) {
    out.push_back(fmt::format("{} requests are longer than an instance's memory for KV: engines refuse them",
                              e.latency.without.simulated.refused));
  }
  if (b.engine_cache == Blocks(0)) {
    out.emplace_back("the weights leave no room for one block of KV: the baseline computes every prompt");
  }
  const CacheOption& option = e.best().option;
  const double written_a_day = e.best().traffic.load.written_bytes_per_s * 86400;
  if (option.row->kind == CacheKind::local_nvme && written_a_day > option.size.held_bytes) {
    out.push_back(
        fmt::format("{} are written to the drives a day, {:.2g} times what is kept on them: look at what they are "
                    "made for",
                    gb(written_a_day), written_a_day / option.size.held_bytes));
  }
  if (!e.best().option.verified) {
    out.push_back(fmt::format("the price of {} is not verified: see its entry in the price file", e.best().option.on));
  }
  return out;
}

}  // namespace kv
