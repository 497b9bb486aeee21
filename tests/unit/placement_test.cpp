#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>
#include <numeric>

#include "curve/simulate.hpp"
#include "sim/placement.hpp"
#include "sim/tier_cache.hpp"
#include "support/random_workload.hpp"
#include "support/traces.hpp"
#include "workload/read.hpp"

using namespace kv;

namespace {

using Ids = std::vector<BlockId>;

/// In blocks of 16 tokens, one after the other.
Workload workload(const std::vector<Ids>& requests) {
  WorkloadBuilder builder;
  for (const Ids& ids : requests)
    REQUIRE(builder.add(Duration(0), Tokens(ids.size() * 16), Tokens(1), ids).has_value());
  return std::move(builder).build(Tokens(16));
}
PlacementOptions tiers(std::uint32_t instances, Routing routing, std::uint64_t engine, std::uint64_t host,
                       std::uint64_t remote) {
  PlacementOptions out;
  out.router.instances = instances;
  out.router.routing = routing;
  out.engine = Blocks(engine);
  out.host = Blocks(host);
  out.remote = Blocks(remote);
  return out;
}
PlacementResult run(const Workload& workload, const PlacementOptions& options, std::vector<Placed>* placed = nullptr) {
  const auto result = simulate_placement(workload, options, [placed](const Placed& p) {
    if (placed != nullptr) placed->push_back(p);
  });
  REQUIRE(result.has_value());
  return *result;
}

PlacementOptions any_options(const Workload& workload) {
  PlacementOptions o;
  o.router.instances = *rc::gen::element<std::uint32_t>(1, 2, 5, 70);
  o.router.routing = *rc::gen::element(Routing::random, Routing::round_robin, Routing::least_loaded,
                                       Routing::sticky_session, Routing::prefix_aware);
  o.router.load_slack = Tokens(*rc::gen::element<std::uint64_t>(0, 1000));
  o.engine = test::any_capacity(workload);
  o.host = test::any_capacity(workload);
  o.remote = test::any_capacity(workload);
  return o;
}

}  // namespace

TEST_SUITE("placement") {
  TEST_CASE("a tier counts what no faster one had, and what another instance stored crosses") {
    const Workload w = workload({{1, 2}, {1, 2, 3}, {1, 2, 3}, {1, 2, 3}});
    std::vector<Placed> placed;
    // Instances 0, 1, 0, 1. The store gets 1, 2 from 0 and 3 from 1.
    const PlacementResult r = run(w, tiers(2, Routing::round_robin, 2, 2, 100), &placed);
    CHECK(placed[0].found() == Tokens(0));
    CHECK(placed[1].remote_other == Tokens(32));  // 1 and 2
    CHECK(placed[2].engine == Tokens(32));        // 0 holds 1 and 2
    CHECK(placed[2].remote_other == Tokens(16));  // and gets 3
    CHECK(placed[3].engine == Tokens(32));        // 1's cache of two holds the leading two of three
    CHECK(placed[3].remote_own == Tokens(16));    // 3, which it stored itself
    CHECK(r.engine.hit_tokens == 64);
    CHECK(r.engine.hit_requests == 2);
    CHECK(r.engine.hit_blocks == 4);
    CHECK(r.engine.written_blocks == 4);
    CHECK(r.host.hit_tokens == 0);  // as large as the engine's: has nothing else
    CHECK(r.remote.hit_tokens == 32 + 16 + 16);
    CHECK(r.remote.hit_requests == 3);
    CHECK(r.remote.written_blocks == 3);
    CHECK(r.crossing_tokens == 48);
    CHECK(r.crossing_requests == 2);
    CHECK(r.missed_tokens == 32 + 16);
    CHECK(r.input_tokens == 32 + 3 * 48);
    CHECK(r.computed_tokens == std::vector<std::uint64_t>{32, 16});
    CHECK(r.imbalance() == doctest::Approx(32 * 2.0 / 48));
    CHECK(r.hit_rate() == doctest::Approx(128.0 / 176));
  }

  TEST_CASE("host memory has what HBM lost; a partial block counts its own tokens") {
    WorkloadBuilder builder;
    REQUIRE(builder.add(Duration(0), Tokens(40), Tokens(1), Ids{1, 2, 3}).has_value());
    REQUIRE(builder.add(Duration(0), Tokens(32), Tokens(1), Ids{8, 9}).has_value());
    REQUIRE(builder.add(Duration(0), Tokens(40), Tokens(1), Ids{1, 2, 3}).has_value());
    const Workload w = std::move(builder).build(Tokens(16));
    std::vector<Placed> placed;
    // HBM holds three blocks: 8 and 9 push out 3 and 2.
    const PlacementResult r = run(w, tiers(1, Routing::random, 3, 10, 0), &placed);
    CHECK(placed[2].engine == Tokens(16));
    CHECK(placed[2].host == Tokens(24));
    CHECK(r.engine.evicted_blocks == 4);
    CHECK(r.host.hit_blocks == 2);
    CHECK(r.remote == TierCounts{});
  }

  TEST_CASE("one instance, one tier: what the exact simulation of a cache says, whichever tier it is") {
    CHECK(rc::check([] {
      const Workload w = test::any_workload();
      const Blocks capacity = test::any_capacity(w);
      const SimulationResult expected = simulate(w, *find_policy("lru"), capacity);
      for (const int tier : {0, 1, 2}) {
        PlacementOptions o = tiers(1, Routing::prefix_aware, 0, 0, 0);
        (tier == 0 ? o.engine : tier == 1 ? o.host : o.remote) = capacity;
        const PlacementResult r = *simulate_placement(w, o);
        const TierCounts& counts = tier == 0 ? r.engine : tier == 1 ? r.host : r.remote;
        RC_ASSERT(counts.hit_tokens == expected.token_hits);
        RC_ASSERT(counts.hit_blocks == expected.block_hits);
        RC_ASSERT(counts.hit_requests == expected.requests_with_hit);
        RC_ASSERT(counts.written_blocks == expected.insertions);
        RC_ASSERT(counts.evicted_blocks == expected.evictions);
        RC_ASSERT(r.crossing_tokens == 0U);
      }
    }));
  }

  TEST_CASE("an instance's caches are those of a fleet of one that gets its requests alone") {
    CHECK(rc::check([] {
      const Workload w = test::any_workload();
      const PlacementOptions o = any_options(w);
      std::map<std::uint32_t, std::vector<std::size_t>> by_instance;
      std::vector<Placed> placed;
      const PlacementResult r = *simulate_placement(w, o, [&](const Placed& p) {
        by_instance[p.instance].push_back(placed.size());
        placed.push_back(p);
      });
      std::uint64_t engine = 0, host = 0;
      for (const auto& [instance, requests] : by_instance) {
        PlacementOptions alone = o;
        alone.router.instances = 1;
        alone.remote = Blocks(0);
        auto simulation = *PlacementSimulation::make(alone, w.block_size());
        for (const std::size_t i : requests) {
          const Request request = w[i];
          const Ids ids(request.blocks.begin(), request.blocks.end());
          const Placed p = simulation.serve({request.at, request.input, request.output, ids, request.session});
          RC_ASSERT(p.engine == placed[i].engine);
          RC_ASSERT(p.host == placed[i].host);
        }
        engine += simulation.result().engine.hit_tokens;
        host += simulation.result().host.hit_tokens;
      }
      RC_ASSERT(engine == r.engine.hit_tokens);
      RC_ASSERT(host == r.host.hit_tokens);
    }));
  }

  TEST_CASE("tokens are found once or missed, sums are sums, and the same input gives the same") {
    CHECK(rc::check([] {
      const Workload w = test::any_workload();
      const PlacementOptions o = any_options(w);
      std::uint64_t own = 0, other = 0, found = 0;
      const PlacementResult r = *simulate_placement(w, o, [&](const Placed& p) {
        RC_ASSERT(p.instance < o.router.instances);
        own += p.remote_own.count();
        other += p.remote_other.count();
        found += p.found().count();
      });
      RC_ASSERT(r.requests == w.size());
      RC_ASSERT(r.engine.hit_tokens + r.host.hit_tokens + r.remote.hit_tokens + r.missed_tokens == r.input_tokens);
      RC_ASSERT(found + r.missed_tokens == r.input_tokens);
      RC_ASSERT(own + other == r.remote.hit_tokens);
      RC_ASSERT(other == r.crossing_tokens);
      RC_ASSERT(std::accumulate(r.computed_tokens.begin(), r.computed_tokens.end(), std::uint64_t{0}) ==
                r.missed_tokens);
      RC_ASSERT(r.imbalance() >= 1);
      if (o.router.instances == 1) RC_ASSERT(r.crossing_tokens == 0U);
      RC_ASSERT(*simulate_placement(w, o) == r);
    }));
  }

  TEST_CASE("a larger tier hits no less in all, and the shared store alone does not care for instances") {
    CHECK(rc::check([] {
      const Workload w = test::any_workload();
      PlacementOptions o = any_options(w);
      if (o.router.routing == Routing::prefix_aware || o.router.routing == Routing::least_loaded) {
        o.router.routing = Routing::random;  // what they find decides where requests go
      }
      const std::uint64_t missed = simulate_placement(w, o)->missed_tokens;
      for (Blocks PlacementOptions::*tier :
           {&PlacementOptions::engine, &PlacementOptions::host, &PlacementOptions::remote}) {
        PlacementOptions larger = o;
        larger.*tier += Blocks(1 + (larger.*tier).count() / 2);
        RC_ASSERT(simulate_placement(w, larger)->missed_tokens <= missed);
      }
      o.engine = o.host = Blocks(0);
      const std::uint64_t shared = simulate_placement(w, o)->remote.hit_tokens;
      RC_ASSERT(shared == simulate(w, *find_policy("lru"), o.remote).token_hits);
      o.router.instances *= 3;
      RC_ASSERT(simulate_placement(w, o)->remote.hit_tokens == shared);
    }));
  }

  TEST_CASE("prefix-aware routing keeps conversations where their prefix is") {
    std::vector<Ids> requests;
    std::vector<Ids> open(8);
    for (BlockId next = 0; next < 320;) {
      for (Ids& ids : open) {
        ids.push_back(next++);
        requests.push_back(ids);
      }
    }
    const Workload w = workload(requests);
    const auto missed = [&](Routing routing) { return run(w, tiers(4, routing, 1000, 0, 0)).missed_tokens; };
    CHECK(missed(Routing::prefix_aware) == 320 * 16);  // each block once
    CHECK(missed(Routing::random) > 2 * 320 * 16);
    CHECK(run(w, tiers(4, Routing::prefix_aware, 1000, 0, 0)).imbalance() < 1.5);
  }

  TEST_CASE("an LRU tier of unbounded capacity keeps all; nothing is a workload, too") {
    TierCache cache(Blocks(UINT64_MAX));
    CHECK(cache.serve(Ids{1, 2}, 7).inserted == 2);
    CHECK(cache.serve(Ids{1, 2, 3}, 8).hits == 2);
    CHECK(std::vector<std::uint32_t>(cache.hit_owners().begin(), cache.hit_owners().end()) ==
          std::vector<std::uint32_t>{7, 7});
    CHECK(cache.serve(Ids{}, 8).hits == 0);
    const PlacementResult none = run(workload({}), tiers(3, Routing::prefix_aware, 10, 10, 10));
    CHECK(none.hit_rate() == 0);
    CHECK(none.imbalance() == 1);
  }

  TEST_CASE("what cannot be is an error; stops when it is asked to") {
    const Workload w = workload({{1}});
    CHECK_FALSE(simulate_placement(w, tiers(0, Routing::random, 1, 1, 1)).has_value());
    PlacementOptions bad = tiers(1, Routing::random, 1, 1, 1);
    bad.router.load_limit = 0.5;
    CHECK_FALSE(simulate_placement(w, bad).has_value());
    bad.router.load_limit = 1;
    bad.router.load_window = Duration(0);
    CHECK_FALSE(simulate_placement(w, bad).has_value());
    CHECK_FALSE(PlacementSimulation::make({}, Tokens(0)).has_value());
    const std::atomic<bool> stop = true;
    CHECK(simulate_placement(w, {}, {}, &stop).error().code == Code::interrupted);
  }

  TEST_CASE("the conversation trace over 64 instances: a shared store crosses what routing cannot keep together") {
    const auto path = test::trace_path("conversation_trace.jsonl");
    if (!path) return;
    ReadNotes notes;
    const auto w = read_workload(*path, {}, notes);
    REQUIRE(w.has_value());
    const std::uint64_t ideal = ideal_hits(*w).token_hits;
    const std::uint64_t all = w->unique_blocks();
    const PlacementResult alone = run(*w, tiers(64, Routing::random, all, 0, 0));
    const PlacementResult shared = run(*w, tiers(64, Routing::random, 0, 0, all));
    const PlacementResult both = run(*w, tiers(64, Routing::random, all, 0, all));
    const PlacementResult prefix = run(*w, tiers(64, Routing::prefix_aware, all, 0, all));
    CHECK(shared.remote.hit_tokens == ideal);
    CHECK(both.input_tokens - both.missed_tokens == ideal);
    CHECK(both.engine.hit_tokens == alone.engine.hit_tokens);
    CHECK(both.crossing_tokens == ideal - alone.engine.hit_tokens);  // nothing is ever lost: all of it is others'
    CHECK(alone.engine.hit_tokens < ideal / 2);
    CHECK(prefix.engine.hit_tokens > 2 * alone.engine.hit_tokens);
    CHECK(prefix.input_tokens - prefix.missed_tokens == ideal);
  }
}
