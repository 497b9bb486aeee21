#include "plan/estimate.hpp"

#include <cmath>

#include "plan/scale.hpp"
#include "support/near.hpp"
#include "support/plan_bench.hpp"

using namespace kv;
using test::near;
using test::PlanBench;

namespace {

constexpr double kForever = 1e9;

double payback(const Estimate& e) { return e.best().roi->payback_days.value_or(kForever); }
double saving_of_gpus(const Estimate& e) {
  const RoiMonth& month = e.best().roi->months.front();
  return month.baseline_usd - month.cached_gpu_usd;
}
std::string refused(const PlanBench& bench) {
  const auto made = estimate(bench.q);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == Code::bad_input);
  return made.error().message;
}

}  // namespace

TEST_SUITE("estimate") {
  TEST_CASE("a plan's figures follow from one another as its header says") {
    PlanBench bench;
    bench.set(&Scenario::traffic, 2);
    bench.set(&Scenario::peak, 1.5);
    const Estimate e = bench.plan();
    const Plan& plan = e.best();
    const Served& served = *plan.served;
    CHECK(near(plan.traffic.baseline.prefill_gpus, e.study->prefill_gpus * 2 * 1.5));
    CHECK(near(plan.traffic.cached.prefill_gpus, served.prefill_gpus * 2 * 1.5));
    CHECK(near(plan.traffic.cached.decode_gpus, e.study->decode_gpus * 2 * 1.5));
    CHECK(near(plan.traffic.read_bytes_per_s, served.read_payload_bytes_per_s * 2 * 1.5));
    CHECK(near(plan.option.size.tokens, served.blocks * 64 * 2));
    const double busy = plan.traffic.baseline.total();
    const RoiMonth& month = plan.roi->months.front();
    CHECK(month.baseline_instances == std::ceil(busy / 0.7));
    CHECK(near(month.baseline_usd, month.baseline_instances * 2.95 * 730));
    CHECK(near(month.saving_usd(), month.baseline_usd - month.cached_gpu_usd - plan.option.cost->total()));
    CHECK(e.study->instances == 4);  // half of eight serve one of two such workloads
  }

  TEST_CASE("the same question gives the same answer, whatever the number of threads") {
    PlanBench bench;
    bench.range(&Scenario::gpu_usd_per_hour) = {2, 3, 5};
    const Estimate a = bench.plan();
    bench.q.threads = 3;
    const Estimate b = bench.plan();
    CHECK(a.best().net_usd() == b.best().net_usd());
    CHECK(a.uncertainty.net_12_months_usd.p10 == b.uncertainty.net_12_months_usd.p10);
    CHECK(a.latency.with.simulated.ttft.mean() == b.latency.with.simulated.ttft.mean());
    CHECK(a.reasons == b.reasons);
  }

  TEST_CASE("the dearer the cache, the longer it takes to pay back") {
    PlanBench bench;
    bench.only(CacheKind::redis_cluster);
    double last = 0, first = 0;
    for (const double factor : {0.0, 0.5, 1.0, 1.5, 3.0, 20.0}) {
      bench.set(&Scenario::cache_price_factor, factor);
      const double days = payback(bench.plan());
      CHECK(days >= last);
      if (factor == 0) first = days;
      last = days;
    }
    CHECK(first < kForever);
    CHECK(last == kForever);
  }

  TEST_CASE("the dearer the GPUs, the more is saved of them") {
    PlanBench bench;
    bench.only(CacheKind::host_memory);
    double last = -1;
    for (const double usd : {0.0, 1.0, 2.0, 4.0, 8.0}) {
      bench.set(&Scenario::gpu_usd_per_hour, usd);
      const double saving = saving_of_gpus(bench.plan());
      CHECK(saving >= last);
      last = saving;
    }
    CHECK(last > 0);
  }

  TEST_CASE("the faster the wire, the sooner the first token") {
    PlanBench bench;
    bench.only(CacheKind::redis_cluster);
    double closed = 1e18, simulated = 1e18;
    for (const double rate : {0.5e9, 1e9, 2e9, 4e9, 16e9, 100e9}) {
      bench.q.basis.links.instance_bytes_per_s = rate;
      const Estimate e = bench.plan();
      REQUIRE(e.latency.with.closed_form_ttft_s());
      CHECK(*e.latency.with.closed_form_ttft_s() <= closed * (1 + 1e-9));
      CHECK(e.latency.with.simulated.ttft.mean() <= simulated * 1.01);
      closed = *e.latency.with.closed_form_ttft_s();
      simulated = e.latency.with.simulated.ttft.mean();
    }
  }

  TEST_CASE("the larger a store that evicts the least recently used, the more it finds") {
    PlanBench bench;
    const Estimate e = bench.plan();
    const Served* last = nullptr;
    for (const Served& served : e.study->stores) {
      if (last != nullptr && last->place == served.place) {
        CHECK(served.blocks > last->blocks);
        CHECK(served.token_hit_rate >= last->token_hit_rate);
        CHECK(served.prefill_gpus <= last->prefill_gpus * (1 + 1e-12));
      }
      last = &served;
    }
  }

  TEST_CASE("a busier fleet, more hits and slower prefill save more; growth is in the twelve months") {
    PlanBench bench;
    bench.only(CacheKind::host_memory);
    const Estimate usual = bench.plan();
    bench.set(&Scenario::hits, 0.3);
    CHECK(bench.plan().best().traffic.cached.prefill_gpus > usual.best().traffic.cached.prefill_gpus);
    bench.set(&Scenario::hits, 1);
    bench.set(&Scenario::prefill_time, 2);
    CHECK(near(bench.plan().best().traffic.baseline.prefill_gpus, 2 * usual.best().traffic.baseline.prefill_gpus));
    bench.set(&Scenario::prefill_time, 1);
    bench.set(&Scenario::growth_per_month, 0.1);
    CHECK(bench.plan().best().net_usd() > usual.best().net_usd());
  }

  TEST_CASE("what nobody asks twice is worth no cache, and the plan says so") {
    DemandSummary once = PlanBench::busy_chat();
    once.token_hit_rate = 0;
    once.shared_prefix = Tokens(0);
    const Estimate e = PlanBench(once).plan();
    CHECK(e.verdict == Verdict::no);
    CHECK(e.best().net_usd() < 0);
    CHECK_FALSE(e.best().roi->payback_days);
    for (const TargetRow& row : e.targets) {
      if (row.rule.metric == TargetMetric::token_hit_rate) CHECK(row.status == TargetStatus::not_reachable);
    }
  }

  TEST_CASE("a fleet that is too small with the cache, too, gets no yes") {
    PlanBench bench;
    bench.only(CacheKind::host_memory);
    bench.set(&Scenario::gpu_usd_per_hour, 50);
    bench.q.basis.fleet_gpus = 1000;
    REQUIRE(bench.plan().verdict == Verdict::yes);
    bench.q.basis.fleet_gpus = 1;
    const Estimate e = bench.plan();
    CHECK(e.fleet_too_small);
    CHECK(e.verdict == Verdict::cannot_tell);
  }

  TEST_CASE("committed GPUs save nothing, and the plan says so") {
    PlanBench bench;
    bench.only(CacheKind::host_memory);
    bench.q.basis.committed_instances = 1000;
    const Estimate e = bench.plan();
    CHECK(saving_of_gpus(e) == 0);
    CHECK(e.verdict == Verdict::no);
    bool said = false;
    for (const std::string& reason : e.reasons) said |= reason.find("committed") != std::string::npos;
    CHECK(said);
  }

  TEST_CASE("the serverless trap: what is read and stored costs more than computing it") {
    PlanBench bench;
    bench.only(CacheKind::serverless);
    const Estimate e = bench.plan();
    CHECK(e.verdict == Verdict::no);
    CHECK(e.best().roi->monthly_saving_usd() < 0);
    CHECK(e.best().option.cost->requests_usd + e.best().option.cost->bytes_usd > saving_of_gpus(e));
  }

  TEST_CASE("impossible questions are refused") {
    PlanBench bench;
    bench.q.basis.tp = 16;
    CHECK(refused(bench) == "8 GPUs hold no instance: one takes 16 (tp 16 x pp 1)");
    bench.q.basis.tp = 1;
    bench.q.basis.cache_bytes = 10;
    CHECK(refused(bench) == "a cache of 10 bytes holds not one block of 8388608");
    bench.q.basis.cache_bytes.reset();
    bench.range(&Scenario::traffic) = {3, 2, 1};
    CHECK(refused(bench) == "traffic falls: 3 to 2 to 1");
    bench.set(&Scenario::traffic, std::nan(""));
    CHECK(refused(bench).find("traffic must be from") != std::string::npos);
    bench.set(&Scenario::traffic, 1);
    bench.q.kinds.clear();
    CHECK(refused(bench) == "a plan needs a kind of cache to choose from");
    std::atomic<bool> stop = true;
    bench.only(CacheKind::redis);
    CHECK(estimate(bench.q, &stop).error().code == Code::interrupted);
  }
}

TEST_SUITE("uncertainty") {
  TEST_CASE("exact inputs leave nothing to draw") {
    PlanBench bench;
    for (Uncertain& range : bench.q.ranges) range = Uncertain::exactly(range.typical);
    const Estimate e = bench.plan();
    CHECK(e.uncertainty.tornado.empty());
    CHECK(near(e.uncertainty.net_12_months_usd.p10, e.best().net_usd()));
    CHECK(near(e.uncertainty.net_12_months_usd.p90, e.best().net_usd()));
    CHECK(near(e.uncertainty.cost_usd_per_month.p50, e.best().option.cost->total(), 1e-9));
  }

  TEST_CASE("the input that moves most comes first, and its ends are those of a plan with them") {
    PlanBench bench;
    bench.only(CacheKind::redis_cluster);
    for (Uncertain& range : bench.q.ranges) range = Uncertain::exactly(range.typical);
    bench.range(&Scenario::gpu_usd_per_hour) = {1, 2.95, 9};
    bench.range(&Scenario::cache_price_factor) = {0.99, 1, 1.01};
    const Estimate e = bench.plan();
    REQUIRE(e.uncertainty.tornado.size() == 2);
    CHECK(e.uncertainty.tornado[0].input == plan_input(&Scenario::gpu_usd_per_hour));
    CHECK(e.uncertainty.tornado[0].swing_usd() > e.uncertainty.tornado[1].swing_usd());
    Scenario high = typical_scenario(bench.q.ranges);
    high.gpu_usd_per_hour = 9;
    const auto plan = plan_kind(bench.q.basis, *e.study, *e.best().served, *e.best().option.row, high);
    REQUIRE(plan);
    CHECK(near(e.uncertainty.tornado[0].net_at_high_usd, (*plan)->net_usd()));
    CHECK(e.uncertainty.net_12_months_usd.p10 < e.uncertainty.net_12_months_usd.p90);
  }

  TEST_CASE("at the value that is named the verdict turns") {
    PlanBench bench;
    bench.only(CacheKind::redis_cluster);
    const Estimate e = bench.plan();
    const bool gains = e.best().net_usd() > 0;
    int turned = 0;
    for (const ChangeRow& row : e.changes) {
      if (!row.turns_at) continue;
      ++turned;
      Scenario there = e.scenario;
      there.*plan_inputs()[row.input].figure = *row.turns_at;
      const auto plans = best_plans(bench.q.basis, *e.study, bench.q.kinds, there);
      REQUIRE(plans);
      CHECK((best_of(*plans)->net_usd() > 0) != gains);
    }
    CHECK(turned > 0);
  }
}

TEST_SUITE("decide") {
  TEST_CASE("the three bands of the checklist") {
    CHECK(band_of(50).name == "Redis");
    CHECK(band_of(99).name == "Redis");
    CHECK(band_of(100).name == "Redis Cluster or Dragonfly");
    CHECK(band_of(250).name == "Redis Cluster or Dragonfly");
    CHECK(band_of(1000).name == "a vendor's platform");
    CHECK(band_of(2000).name == "a vendor's platform");
    CHECK(band_of(50).usd_high == 500);
    CHECK(band_of(250).usd_low == 1000);
    CHECK(band_of(2000).usd_low == 50'000);
  }

  TEST_CASE("a budget buys what its dollars rent, and never less than a smaller one") {
    PlanBench bench;
    const Estimate e = bench.plan();
    REQUIRE(e.decision.budgets.size() == 5);
    const BudgetRow* last = nullptr;
    for (const BudgetRow& row : e.decision.budgets) {
      CHECK(near(row.bytes, row.tokens * 131072));
      if (last != nullptr) {
        CHECK(near(row.bytes / last->bytes, row.usd_per_month / last->usd_per_month));
        CHECK(row.token_hit_rate >= last->token_hit_rate);
      }
      last = &row;
    }
    CHECK_FALSE(e.decision.leaving.empty());
    CHECK_FALSE(e.decision.explanation.empty());
  }
}

TEST_SUITE("plan at scale") {
  TEST_CASE("twice the GPUs under as busy a load cost and save about twice as much") {
    PlanBench bench;
    const auto study = study_fleet(bench.q.basis, 1, 1, 1);
    REQUIRE(study);
    const std::array fleets{64U, 4096U};
    const std::array traffic{1.0, 4.0};
    const auto rows =
        plan_at_scale(bench.q.basis, *study, bench.q.kinds, typical_scenario(bench.q.ranges), fleets, traffic);
    REQUIRE(rows);
    REQUIRE(rows->size() == 4);
    CHECK((*rows)[0].gpus_without == 64);
    CHECK((*rows)[1].gpus_without == 256);
    CHECK((*rows)[2].gpus_without == 4096);
    CHECK(near((*rows)[2].requests_per_s, 64 * (*rows)[0].requests_per_s));
    CHECK(near((*rows)[1].network_bytes_per_s, 4 * (*rows)[0].network_bytes_per_s, 0.5));
    for (const ScaleRow& row : *rows) CHECK(row.gpus_with <= row.gpus_without);
  }
}
