#include <doctest/doctest.h>

#include <array>

#include "curve/simulate.hpp"
#include "plan/capacity.hpp"
#include "plan/demand.hpp"
#include "policy/policy.hpp"
#include "support/golden_trace.hpp"
#include "support/near.hpp"

using namespace kv;
using test::near;

// The rent trap of the catalogue, on the real trace: memory rent decides, not bandwidth.
TEST_SUITE("rent on the conversation trace") {
  TEST_CASE("one instance's shared store holds what an LRU cache of its size does in replay") {
    const auto g = test::golden();
    if (!g) return;
    PlacementOptions options;
    options.remote = Blocks(18'279);
    const auto placed = simulate_placement(g->workload, options);
    REQUIRE(placed);
    const SimulationResult alone = simulate(g->workload, *find_policy("lru"), Blocks(18'279));
    CHECK(placed->remote.hit_blocks == alone.block_hits);
    CHECK(placed->remote.hit_tokens == alone.token_hits);
  }

  TEST_CASE("keeping all of it costs a hundred times what it saves, and no size of managed memory pays") {
    const auto g = test::golden();
    if (!g) return;
    const Workload& workload = g->workload;
    const auto demand = demand_of(workload);
    REQUIRE(demand);
    CHECK(near(demand->requests_per_s * demand->span_s, 12031));
    CHECK(near(demand->ceiling_token_hit_rate, 0.373624, 1e-5));  // the golden ideal hits
    CHECK(demand->still_warming);
    const Model model = *find_model("llama-3.1-8b");
    const Gpu gpu = *find_gpu("h100");
    PrefillConfig config;
    config.model = model;
    config.gpu = gpu;
    const auto prefill = make_prefill("modelled", config);
    REQUIRE(prefill);
    const KvGeometry geometry = *KvGeometry::make(model, {}, workload.block_size());
    Fleet fleet;
    fleet.prefill = prefill->get();
    fleet.instances = 8;
    SharedStore store;
    store.geometry = &geometry;
    store.links.instance_bytes_per_s = 12.5e9;
    store.links.latency = std::chrono::milliseconds(1);
    const std::array capacities{Blocks(1000), Blocks(10'000), Blocks(50'000), Blocks(182'790)};
    const auto points = capacity_points(workload, fleet, store, capacities, 2.95);
    REQUIRE(points);
    for (std::size_t i = 1; i < points->size(); ++i) {
      CHECK((*points)[i].saved_usd_per_hour > (*points)[i - 1].saved_usd_per_hour);
    }
    // 54.1 M tokens of linear work are 1.60 an hour; attention adds to it.
    CHECK(points->back().saved_usd_per_hour > 1.60);
    CHECK(points->back().saved_usd_per_hour < 2 * 1.60);
    CHECK(near(points->back().token_hit_rate, demand->ceiling_token_hit_rate, 0.001));
    CHECK(near(points->back().stored_bytes, 12.27e12, 0.001));
    RentTier tier{"cache.r7g.2xlarge", node_usd_per_gb_hour(0.873, 52.8 * 1073741824 * 0.75), 0, 0};
    RentQuestion q;
    q.prefill = prefill->get();
    q.block_size = workload.block_size();
    q.gpu_usd_per_hour = 2.95;
    q.stored_bytes_per_block = 512 * 131072.0;
    q.reuses = demand->reuse.bins;
    q.last_uses = demand->reuse.last_uses;
    const auto answer = rent_answer(q, tier);
    REQUIRE(answer);
    CHECK(near(*answer->breakeven_first_block_s, 40, 0.05));
    CHECK(*answer->breakeven_deepest_s > 2 * *answer->breakeven_first_block_s);
    CHECK(*answer->share_inside < 0.5);  // the median reuse interval is 114 s
    const auto advice = advise_capacity(*points, tier, 0.3);
    REQUIRE(advice);
    CHECK_FALSE(advice->best);
    CHECK(near(advice->fullest->rent_usd_per_hour, 250, 0.02));
    CHECK(advice->fullest->net_usd_per_hour() < -200);
    // Idle memory of the GPU machines is another matter.
    const auto idle = advise_capacity(*points, {"idle host memory", 0, 0, 0}, 0.3);
    REQUIRE(idle);
    REQUIRE(idle->best);
    CHECK(idle->best->net_usd_per_hour() > 1.60);
  }
}
