// Simulation on the real trace against ../shared/traces/conversation_trace.golden.json, of an independent program.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "base/random.hpp"
#include "curve/lru_curve.hpp"
#include "curve/simulate.hpp"
#include "support/golden_trace.hpp"

using namespace kv;

TEST_SUITE("golden simulation") {
  TEST_CASE("LRU and FIFO give the golden hits, insertions and evictions at every capacity") {
    const auto g = test::golden();
    if (!g) return;
    for (const char* policy : {"lru", "fifo"}) {
      const auto& rows = g->figures.at(policy);
      std::vector<Blocks> capacities;
      for (const auto& row : rows) capacities.emplace_back(row.at("capacity_blocks").get<std::uint64_t>());
      const auto sums = simulate_many(g->workload, *find_policy(policy), capacities);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        CAPTURE(policy);
        CAPTURE(capacities[i].count());
        CHECK(sums[i].block_hits == rows[i].at("block_hits"));
        CHECK(sums[i].token_hits == rows[i].at("token_hits"));
        CHECK(sums[i].insertions == rows[i].at("insertions"));
        CHECK(sums[i].evictions == rows[i].at("evictions"));
      }
    }
  }

  TEST_CASE("a sliding ttl gives the golden hits where nothing is evicted") {
    const auto g = test::golden();
    if (!g) return;
    for (const auto& row : g->figures.at("sliding_ttl")) {
      const SimulationOptions options{.sliding_ttl = std::chrono::seconds(row.at("ttl_s").get<int>())};
      const auto sum = simulate(g->workload, *find_policy("lru"), Blocks(g->workload.unique_blocks()), options);
      CAPTURE(options.sliding_ttl->count());
      CHECK(sum.block_hits == row.at("block_hits"));
      CHECK(sum.token_hits == row.at("token_hits"));
    }
  }

  TEST_CASE("without eviction every policy has the ideal hits; with it none has more than belady") {
    const auto g = test::golden();
    if (!g) return;
    const Blocks all(std::numeric_limits<std::uint64_t>::max()), some(18279);
    const auto bound = simulate(g->workload, *find_policy("belady"), some);
    for (const PolicyRow& row : policies()) {
      CAPTURE(row.name);
      const auto sum = simulate(g->workload, row, all);
      CHECK(sum.block_hits == g->figures.at("ideal").at("block_hits"));
      CHECK(sum.token_hits == g->figures.at("ideal").at("token_hits"));
      CHECK(sum.requests_with_hit == g->figures.at("ideal").at("requests_with_hit"));
      CHECK(simulate(g->workload, row, some).block_hits <= bound.block_hits);
    }
  }
}

TEST_SUITE("golden curve") {
  TEST_CASE("the one-pass curve is the simulation at 200 random capacities") {
    const auto g = test::golden();
    if (!g) return;
    const LruCurve curve = lru_curve(g->workload);
    Random random(200);
    std::vector<Blocks> capacities;
    const double most = std::log(static_cast<double>(g->workload.unique_blocks()));
    for (int i = 0; i < 200; ++i) {  // every order of magnitude alike
      capacities.emplace_back(static_cast<std::uint64_t>(std::exp(most * random.uniform())));
    }
    const auto sums = simulate_many(g->workload, *find_policy("lru"), capacities);
    for (std::size_t i = 0; i < capacities.size(); ++i) {
      CAPTURE(capacities[i].count());
      CHECK(curve.at(capacities[i]) == sums[i]);
    }
  }
}
