#include <cmath>

#include "report/plan_rows.hpp"

namespace kv {
namespace {

using Hist = Histogram ServingResult::*;

const LatencyAnswer* the_latency(const PlanContext& c, std::size_t) {
  return c.estimate == nullptr ? nullptr : &c.estimate->latency;
}

std::optional<double> quantile(const Histogram& h, double q) {
  return h.count() > 0 ? std::optional(static_cast<double>(h.quantile(q))) : std::nullopt;
}
std::optional<double> mean(const Histogram& h) { return h.count() > 0 ? std::optional(h.mean()) : std::nullopt; }
std::optional<double> ratio(std::optional<double> part, std::optional<double> whole) {
  return part && whole && *whole > 0 ? std::optional(*part / *whole) : std::nullopt;
}
std::optional<double> ns_of(const std::optional<double>& s) { return s ? std::optional(*s * 1e9) : std::nullopt; }

/// One side: the engines without the cache, or with it.
class Side {
 public:
  Side(PlanRows<LatencyAnswer>& table, std::string name, FleetLatency LatencyAnswer::*side)
      : t_(table), name_(std::move(name)), side_(side) {}

  template <class Get>
  void add(const char* path, Unit unit, const char* meaning, Get get) {
    t_.add(name_ + "." + path, unit, meaning,
           [side = side_, get](const LatencyAnswer& a, const PlanCell& at) { return get(a.*side, at); });
  }
  void quantile_of(const char* path, const char* meaning, Hist hist, double q) {
    add(path, Unit::nanoseconds, meaning,
        [hist, q](const FleetLatency& f, const PlanCell&) { return quantile(f.simulated.*hist, q); });
  }
  void mean_of(const char* path, const char* meaning, Hist hist) {
    add(path, Unit::nanoseconds, meaning,
        [hist](const FleetLatency& f, const PlanCell&) { return mean(f.simulated.*hist); });
  }

 private:
  PlanRows<LatencyAnswer>& t_;
  std::string name_;
  FleetLatency LatencyAnswer::*side_;
};

/// Latencies are simulated for one workload; so many like it are planned for.
std::uint64_t gpus_of_all(std::uint32_t instances, const PlanCell& at) {
  const Estimate* estimate = at.context.estimate;
  const double traffic = estimate != nullptr ? estimate->scenario.traffic : 1;
  return static_cast<std::uint64_t>(std::ceil(instances * traffic - 1e-9)) * at.context.basis->gpus_per_instance();
}

void add_side(PlanRows<LatencyAnswer>& t, const char* name, FleetLatency LatencyAnswer::*which) {
  Side side(t, name, which);
  using F = FleetLatency;
  side.mean_of("ttft_ns.mean", "time to first token, simulated", &ServingResult::ttft);
  side.quantile_of("ttft_ns.p50", "likewise", &ServingResult::ttft, 0.5);
  side.quantile_of("ttft_ns.p95", "likewise", &ServingResult::ttft, 0.95);
  side.quantile_of("ttft_ns.p99", "likewise", &ServingResult::ttft, 0.99);
  side.quantile_of("total_ns.p95", "time to the last token, simulated", &ServingResult::total, 0.95);
  side.mean_of("queue_ns.mean", "waiting in front of the first step, simulated", &ServingResult::queue);
  side.mean_of("fetch_ns.mean", "until a prefix was there, simulated", &ServingResult::fetch);
  side.add("goodput_per_s", Unit::per_s, "requests within the SLO",
           [](const F& f, const PlanCell&) { return f.simulated.goodput_per_s(); });
  side.add("slo_share", Unit::ratio, "of the requests that are within the SLO",
           [](const F& f, const PlanCell&) -> std::optional<double> {
             return f.simulated.requests > 0 ? std::optional(f.simulated.slo_share()) : std::nullopt;
           });
  side.add("busy_share", Unit::factor, "of the instances' time, prefill and decode; above 1: queues grow for ever",
           [](const F& f, const PlanCell&) { return f.busy_share; });
  side.add("mean_prefill_ns", Unit::nanoseconds, "of a request alone",
           [](const F& f, const PlanCell&) { return f.mean_prefill_s * 1e9; });
  side.add("mean_fetch_ns", Unit::nanoseconds, "of a request alone",
           [](const F& f, const PlanCell&) { return f.mean_fetch_s * 1e9; });
  side.add("mmc_wait_ns", Unit::nanoseconds,
           "mean wait, were prompts served one at a time and came at random (M/M/c); null: more comes than is served",
           [](const F& f, const PlanCell&) { return ns_of(f.mmc_wait_s); });
  side.add("closed_form_ttft_ns", Unit::nanoseconds, "mmc_wait_ns + mean_fetch_ns + mean_prefill_ns",
           [](const F& f, const PlanCell&) { return ns_of(f.closed_form_ttft_s()); });
  side.add(
      "smallest_gpus", Unit::count,
      "that would meet the SLO, simulated, if any of them could serve any request with the hits it has here; null: "
      "not twice the fleet",
      [](const F& f, const PlanCell& at) -> std::optional<std::uint64_t> {
        if (!f.smallest_instances) return std::nullopt;
        return gpus_of_all(*f.smallest_instances, at);
      });
}

/// With the cache, on the GPUs that are left.
void add_fewer(PlanRows<LatencyAnswer>& t) {
  const auto add = [&t](const char* name, Unit unit, const char* meaning, auto get) {
    t.add(std::string("with_fewer.") + name, unit, meaning, [get](const LatencyAnswer& a) -> std::optional<double> {
      if (!a.with_fewer) return std::nullopt;
      return get(*a.with_fewer);
    });
  };
  t.add("with_fewer.gpus", Unit::count, "that are left when those that the cache spares are gone; null: it spares none",
        [](const LatencyAnswer& a, const PlanCell& at) -> std::optional<std::uint64_t> {
          if (!a.with_fewer) return std::nullopt;
          return gpus_of_all(a.fewer_instances, at);
        });
  add("ttft_ns.mean", Unit::nanoseconds, "with the cache, on those",
      [](const FleetLatency& f) { return mean(f.simulated.ttft).value_or(0); });
  add("ttft_ns.p95", Unit::nanoseconds, "likewise",
      [](const FleetLatency& f) { return quantile(f.simulated.ttft, 0.95).value_or(0); });
  add("slo_share", Unit::ratio, "of the requests that are within the SLO",
      [](const FleetLatency& f) { return f.simulated.slo_share(); });
  add("busy_share", Unit::factor, "of their time", [](const FleetLatency& f) { return f.busy_share; });
}

PlanTable latency_table() {
  PlanRows<LatencyAnswer> t(
      "latency", "how long users wait without and with the chosen plan's cache, at one workload's pace", the_latency);
  t.add("slo_ttft_ns", Unit::nanoseconds, "limit of the time to first token; null: there is none",
        [](const LatencyAnswer& a) { return a.slo.ttft; });
  t.add("slo_total_ns", Unit::nanoseconds, "limit of the time to the last token; null: there is none",
        [](const LatencyAnswer& a) { return a.slo.total; });
  t.add("slo_share", Unit::ratio, "of the requests that must keep to it",
        [](const LatencyAnswer& a) { return a.slo.share; });
  t.add("slo_given", Unit::flag, "false: three times what a lone engine takes for 19 of 20 prompts",
        &LatencyAnswer::slo_given);
  t.add("instances", Unit::count, "that share the workload: those of the fleet / traffic", &LatencyAnswer::instances);
  add_side(t, "without", &LatencyAnswer::without);
  add_side(t, "with", &LatencyAnswer::with);
  add_fewer(t);
  t.add("ratio_of_means", Unit::factor, "mean TTFT without / with",
        [](const LatencyAnswer& a) { return ratio(mean(a.without.simulated.ttft), mean(a.with.simulated.ttft)); });
  t.add("ratio_of_p95", Unit::factor, "P95 of TTFT without / with", [](const LatencyAnswer& a) {
    return ratio(quantile(a.without.simulated.ttft, 0.95), quantile(a.with.simulated.ttft, 0.95));
  });
  return t.take();
}

PlanTable where_table() {
  PlanRows<WhereRow> t(
      "where", "what each way of routing finds where blocks are kept in several places",
      [](const PlanContext& c) { return c.estimate == nullptr ? 0 : c.estimate->where.size(); },
      [](const PlanContext& c, std::size_t i) { return &c.estimate->where[i]; });
  t.add("routing", Unit::text, "who decides which instance serves a request",
        [](const WhereRow& w) { return routing_name(w.routing); });
  t.add("kept", Unit::text, "beside the engines' own caches: nowhere, in host memory, in a shared store, in both",
        [](const WhereRow& w) { return where_kept_name(w.kept); });
  t.add("hit_rate", Unit::ratio, "of input tokens, in all of them", &WhereRow::hit_rate);
  t.add("engine_hit_rate", Unit::ratio, "in HBM", &WhereRow::engine_hit_rate);
  t.add("host_hit_rate", Unit::ratio, "in host memory, what HBM had not", &WhereRow::host_hit_rate);
  t.add("shared_hit_rate", Unit::ratio, "in the shared store, what neither had", &WhereRow::shared_hit_rate);
  t.add("crossing_rate", Unit::ratio, "of input tokens: from the shared store, stored by another instance",
        &WhereRow::crossing_rate);
  t.add("computed_gpus", Unit::amount, "busy with prompts", &WhereRow::computed_gpus);
  t.add("imbalance", Unit::factor, "busiest instance / mean, by computed tokens", &WhereRow::imbalance);
  return t.take();
}

}  // namespace

void add_latency_tables(std::vector<PlanTable>& out) {
  out.push_back(latency_table());
  out.push_back(where_table());
}

}  // namespace kv
