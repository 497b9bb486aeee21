#pragma once
#include <doctest/doctest.h>

#include <memory>

#include "plan/estimate.hpp"

namespace kv::test {

/// A plan that is ready to be made: a chat-like workload from a summary on eight h100 with llama-3.1-8b, at the prices
/// that are compiled in, each input exactly known.
struct PlanBench {
  Workload workload;
  Demand demand;
  std::unique_ptr<Prefill> prefill;
  std::unique_ptr<KvGeometry> geometry;
  PriceFile prices;
  EstimateQuestion q;

  explicit PlanBench(DemandSummary summary = busy_chat(), std::uint32_t gpus = 8) {
    workload = *workload_of(summary);
    demand = *demand_of(workload);
    PrefillConfig config;
    config.model = *find_model("llama-3.1-8b");
    config.gpu = *find_gpu("h100");
    config.tp = 1;
    geometry = std::make_unique<KvGeometry>(*KvGeometry::make(config.model, {}, workload.block_size()));
    prices = *default_prices();
    PlanBasis& b = q.basis;
    b.decode = *modelled_decode(config, 256);
    prefill = *make_prefill("modelled", config);
    b.workload = &workload;
    b.demand = &demand;
    b.prefill = prefill.get();
    b.geometry = geometry.get();
    b.prices = &prices;
    b.gpus = b.fleet_gpus = gpus;
    b.engine_cache = Blocks(500);
    b.links.latency = std::chrono::milliseconds(1);
    b.links.instance_bytes_per_s = 12.5e9;
    Scenario scenario;
    scenario.gpu_usd_per_hour = 2.95;
    q.ranges = ranges_around(scenario);
    for (const CacheKindRow& row : cache_kinds()) q.kinds.push_back(&row);
    q.draws = 50;
    q.threads = 1;
  }
  PlanBench(const PlanBench&) = delete;
  PlanBench& operator=(const PlanBench&) = delete;

  static DemandSummary busy_chat() {
    DemandSummary out;
    out.requests_per_s = 60;
    out.input = Tokens(3000);
    out.output = Tokens(100);
    out.shared_prefix = Tokens(2000);
    out.token_hit_rate = 0.6;
    out.prefixes = 100;
    out.requests = 800;
    return out;
  }

  Uncertain& range(double Scenario::*figure) { return q.ranges[plan_input(figure)]; }
  void set(double Scenario::*figure, double value) { range(figure) = Uncertain::exactly(value); }
  void only(CacheKind kind) { q.kinds = {&cache_kind_row(kind)}; }
  Estimate plan() const {
    auto made = estimate(q);
    REQUIRE(made);
    return std::move(*made);
  }
};

}  // namespace kv::test
