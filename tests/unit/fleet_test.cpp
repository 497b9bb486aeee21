#include "plan/fleet.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "plan/capacity.hpp"
#include "support/given_prefill.hpp"
#include "support/near.hpp"

using namespace kv;
using test::near;

namespace {

constexpr double kTokenBytes = 131072;  // of Llama-3.1-8B

/// Two engines that compute a token in a millisecond, served in turns; the same prompt of 32 tokens twice, 10 s apart.
struct Bench {
  GivenPrefill prefill{[](double, double fresh) { return fresh * 1e-3; }};
  KvGeometry geometry = *KvGeometry::make(*find_model("llama-3.1-8b"), {}, Tokens(16));
  Fleet fleet;
  SharedStore store;
  std::uint64_t output = 1;

  Bench() {
    fleet.prefill = &prefill;
    fleet.instances = 2;
    fleet.routing = Routing::round_robin;
    store.capacity = Blocks(100);
    store.geometry = &geometry;
    store.links.latency = std::chrono::milliseconds(1);
    store.links.instance_bytes_per_s = 1e9;
  }
  Workload workload() const {
    WorkloadBuilder builder;
    const std::vector<BlockId> ids{1, 2};
    REQUIRE(builder.add(Duration(0), Tokens(32), Tokens(output), ids).has_value());
    REQUIRE(builder.add(std::chrono::seconds(10), Tokens(32), Tokens(output), ids).has_value());
    return std::move(builder).build(Tokens(16));
  }
  FleetPlacement run(bool stored = true) const {
    const auto result = place_fleet(workload(), fleet, stored ? &store : nullptr, true);
    REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message));
    return *result;
  }
  ServingResult served(bool stored = true, const ServingSlo& slo = {}) const {
    const auto result = serve_fleet(run(stored), fleet, stored ? &store : nullptr, slo);
    REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message));
    return *result;
  }
};

}  // namespace

TEST_SUITE("fleet") {
  TEST_CASE("the store serves what another engine computed, all but the last token") {
    const Bench b;
    const FleetPlacement r = b.run();
    CHECK(r.placement.crossing_tokens == 32);
    CHECK(r.fetched_requests == 1);
    CHECK(r.fetched_tokens == 31);
    CHECK(near(r.fetched_bytes, 31 * kTokenBytes));
    CHECK(near(r.stored_bytes, 32 * kTokenBytes));
    CHECK(near(r.prefill_gpus, (32e-3 + 1e-3) / 20));
    CHECK(r.decode_gpus == 0);
    // 32 ms without a hit; 1 ms, the transfer and one token with it.
    const ServingResult served = b.served();
    CHECK(near(static_cast<double>(served.ttft.max()), 32e6, 0.01));
    CHECK(near(static_cast<double>(served.ttft.min()), 1e6 + 31 * kTokenBytes + 1e6, 0.01));
    CHECK(served.computed_tokens == 33);
  }

  TEST_CASE("without the store each engine computes all of it") {
    const FleetPlacement r = Bench().run(false);
    CHECK(r.fetched_requests + r.declined_requests == 0);
    CHECK(r.stored_bytes == 0);
    CHECK(near(r.prefill_gpus, 64e-3 / 20));
    CHECK(Bench().served(false).computed_tokens == 64);
  }

  TEST_CASE("an engine's own cache comes first") {
    Bench b;
    b.fleet.instances = 1;
    b.fleet.engine_cache = Blocks(10);
    const FleetPlacement r = b.run();
    CHECK(r.placement.engine.hit_tokens == 32);
    CHECK(r.fetched_requests == 0);
    CHECK(near(r.prefill_gpus, 33e-3 / 20));
    b.fleet.engine_cache = Blocks(1);  // it has the first block, the store both
    const FleetPlacement half = b.run();
    CHECK(half.fetched_tokens == 15);
    CHECK(near(half.fetched_bytes, 15 * kTokenBytes));
    b.fleet.engine_cache = Blocks(0);
    b.fleet.host_cache = Blocks(10);
    CHECK(b.run().placement.host.hit_tokens == 32);
  }

  TEST_CASE("what comes more slowly than it is computed is declined, unless all is fetched") {
    Bench b;
    b.store.links.instance_bytes_per_s = 1e8;  // 41 ms for what takes 31
    const FleetPlacement declined = b.run();
    CHECK(declined.declined_requests == 1);
    CHECK(declined.fetched_requests == 0);
    CHECK(declined.fetched_bytes == 0);
    CHECK(near(declined.prefill_gpus, 64e-3 / 20));
    b.store.fetch_only_if_faster = false;
    CHECK(b.run().fetched_requests == 1);
    b.store.fetch_only_if_faster = true;
    b.store.stored_per_payload = 0.5;
    const FleetPlacement coded = b.run();
    CHECK(coded.fetched_requests == 1);
    CHECK(near(coded.fetched_bytes, 31 * kTokenBytes / 2));
    CHECK(near(coded.stored_bytes, 32 * kTokenBytes / 2));
    b.store.links.latency = std::chrono::milliseconds(20);
    CHECK(b.run().declined_requests == 1);
    b.store.links.latency = std::chrono::milliseconds(1);
    b.store.links.server_bytes_per_s = 5e7;
    CHECK(b.run().declined_requests == 1);
    b.store.links.server_bytes_per_s = FetchLinks::kNoLimit;
    b.store.links.flow_bytes_per_s = 5e7;
    CHECK(b.run().declined_requests == 1);
    b.store.links.flow_bytes_per_s = FetchLinks::kNoLimit;
    b.store.capacity = Blocks(0);
    CHECK(b.run().placement.remote.hit_tokens == 0);
  }

  TEST_CASE("decode is charged in the largest batches that fit, with the store and without") {
    Bench b;
    b.output = 10;
    b.fleet.slots = 4;
    b.fleet.decode = flat_decode(0.01, 1e-4, 1e-6, 4);
    const double context = 32 + 5;
    const auto gpus = [&](double batch) {
      return 20 * (0.01 + batch * 1e-4 + batch * context * 1e-6) / batch / 20;  // 20 tokens in 20 s
    };
    CHECK(near(b.run().decode_gpus, gpus(4)));
    CHECK(near(b.run(false).decode_gpus, gpus(4)));
    b.fleet.kv_tokens = Tokens(80);  // two contexts of 37
    CHECK(near(b.run().decode_gpus, gpus(2)));
    b.fleet.tp = 8;
    CHECK(near(b.run().decode_gpus, 8 * gpus(2)));
    CHECK(near(b.run().prefill_gpus, 8 * 33e-3 / 20));
  }

  TEST_CASE("the SLO is that of what was served, and errors of the simulations come through") {
    Bench b;
    ServingSlo slo;
    slo.ttft = std::chrono::milliseconds(20);
    CHECK(b.served(true, slo).within_slo == 1);
    CHECK(b.served(false, slo).within_slo == 0);
    const std::atomic<bool> stop = true;
    CHECK(place_fleet(b.workload(), b.fleet, &b.store, true, &stop).error().code == Code::interrupted);
    CHECK(serve_fleet(b.run(), b.fleet, &b.store, slo, &stop).error().code == Code::interrupted);
    b.fleet.slots = 0;
    CHECK(serve_fleet(b.run(), b.fleet, &b.store).error().code == Code::bad_input);
    b.fleet.instances = 0;
    CHECK(place_fleet(b.workload(), b.fleet, &b.store, true).error().code == Code::bad_input);
  }
}

TEST_SUITE("capacity points") {
  TEST_CASE("a store is worth the GPU time that it saves, at its size") {
    const Bench b;
    const std::vector<Blocks> sizes{Blocks(1), Blocks(2)};
    const auto points = capacity_points(b.workload(), b.fleet, b.store, sizes, 3);
    REQUIRE(points);
    REQUIRE(points->size() == 2);
    const CapacityPoint &half = (*points)[0], &whole = (*points)[1];
    CHECK(near(half.stored_bytes, 16 * kTokenBytes));
    CHECK(near(whole.stored_bytes, 32 * kTokenBytes));
    CHECK(near(half.token_hit_rate, 16 / 64.0));
    CHECK(near(whole.token_hit_rate, 31 / 64.0));
    CHECK(near(half.saved_usd_per_hour, 16e-3 / 20 * 3));
    CHECK(near(whole.saved_usd_per_hour, 31e-3 / 20 * 3));
    CHECK(near(whole.read_bytes_per_hour, 31 * kTokenBytes * 3600 / 20));
    CHECK(near(whole.written_bytes_per_hour, 32 * kTokenBytes * 3600 / 20));
  }
  TEST_CASE("codec, price and speed of the store move what they should") {
    Bench b;
    const std::vector<Blocks> sizes{Blocks(2)};
    const auto one = [&](double usd = 3) {
      return capacity_points(b.workload(), b.fleet, b.store, sizes, usd)->front();
    };
    const CapacityPoint usual = one();
    CHECK(near(one(6).saved_usd_per_hour, 2 * usual.saved_usd_per_hour));
    b.store.stored_per_payload = 0.5;
    CHECK(near(one().stored_bytes, usual.stored_bytes / 2));
    CHECK(near(one().read_bytes_per_hour, usual.read_bytes_per_hour / 2));
    CHECK(near(one().saved_usd_per_hour, usual.saved_usd_per_hour));
    b.store.links.latency = std::chrono::seconds(1);  // all hits are declined
    CHECK(one().saved_usd_per_hour == 0);
    CHECK(one().token_hit_rate == 0);
    CHECK(one().read_bytes_per_hour == 0);
    b.fleet.instances = 0;
    CHECK_FALSE(capacity_points(b.workload(), b.fleet, b.store, sizes, 3));
  }
}
