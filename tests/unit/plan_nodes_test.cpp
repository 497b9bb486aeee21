#include "plan/nodes.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "base/random.hpp"
#include "support/near.hpp"

using namespace kv;
using test::same;

namespace {

/// Machines of 100 GB, 1 GB/s and 1,000 operations a second.
constexpr NodeCapacity kNode{100e9, 1e9, std::nullopt, 1000};

/// 10 machines by memory, 4 by bandwidth, 3 by operations, all evenly spread.
NodeDemand demand() {
  NodeDemand d;
  d.memory_bytes = 1000e9;
  d.read_bytes_per_s = 4e9;
  d.written_bytes_per_s = 1e9;
  d.ops_per_s = 3000;
  return d;
}

NodesAnswer of(const NodeDemand& d, const NodeCapacity& n = kNode) {
  const auto nodes = nodes_for(d, n);
  if (!nodes) FAIL(nodes.error().message);
  return *nodes;
}

template <class Change>
NodesAnswer with(Change change) {
  NodeDemand d = demand();
  NodeCapacity n = kNode;
  change(d, n);
  return of(d, n);
}

std::uint64_t need(const NodesAnswer& nodes, NodeConstraint constraint) {
  return nodes.needs[static_cast<std::size_t>(constraint)].nodes.value_or(0);
}

/// Mean over many hash functions of the load of the hottest shard.
double simulated(const std::vector<double>& shares, std::size_t shards) {
  constexpr int kTries = 200;
  double sum = 0;
  for (int t = 0; t < kTries; ++t) {
    Random random(mix64(7, t));
    std::vector<double> loads(shards);
    for (const double share : shares) loads[random.below(shards)] += share;
    sum += *std::max_element(loads.begin(), loads.end());
  }
  return sum / kTries;
}

KeyPopularity popularity(const std::vector<double>& shares) {
  KeyPopularity out;
  out.keys = static_cast<double>(shares.size());
  out.top_share = *std::max_element(shares.begin(), shares.end());
  out.sum_of_squares = std::inner_product(shares.begin(), shares.end(), shares.begin(), 0.0);
  return out;
}

std::vector<double> zipf(std::size_t keys, double exponent) {
  std::vector<double> shares(keys);
  for (std::size_t i = 0; i < keys; ++i) shares[i] = std::pow(static_cast<double>(i + 1), -exponent);
  const double all = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share /= all;
  return shares;
}

}  // namespace

TEST_SUITE("plan: nodes") {
  TEST_CASE("the largest need decides, and is named") {
    const NodesAnswer nodes = of(demand());
    CHECK(need(nodes, NodeConstraint::memory) == 10);
    CHECK(need(nodes, NodeConstraint::bandwidth) == 4);
    CHECK(need(nodes, NodeConstraint::operations) == 3);
    CHECK(need(nodes, NodeConstraint::failure_headroom) == 5);
    CHECK(need(nodes, NodeConstraint::fewest) == 1);
    CHECK(nodes.binding == NodeConstraint::memory);
    CHECK(nodes.primaries == 10);
    CHECK(nodes.machines == 10);
    CHECK(same(nodes.memory_used, 1));
    CHECK(same(nodes.bandwidth_used, 0.4));
    CHECK(same(nodes.operations_used, 0.3));
    CHECK(same(nodes.hottest_share, 0.1));
    CHECK(same(nodes.egress_bytes_per_s, 4e9));
    CHECK(same(nodes.node_bytes_per_s, 1e9));
  }

  TEST_CASE("each input can be the one that binds") {
    const auto binds = [](auto change, NodeConstraint constraint, std::uint64_t primaries) {
      const NodesAnswer nodes = with(change);
      CHECK(node_constraint_name(nodes.binding) == node_constraint_name(constraint));
      CHECK(nodes.primaries == primaries);
    };
    binds([](NodeDemand& d, NodeCapacity&) { d.memory_bytes = 1001e9; }, NodeConstraint::memory, 11);
    binds([](NodeDemand&, NodeCapacity& n) { n.memory_bytes = 50e9; }, NodeConstraint::memory, 20);
    binds([](NodeDemand& d, NodeCapacity&) { d.read_bytes_per_s = 40e9; }, NodeConstraint::bandwidth, 41);
    binds([](NodeDemand& d, NodeCapacity&) { d.written_bytes_per_s = 30e9; }, NodeConstraint::bandwidth, 31);
    binds([](NodeDemand&, NodeCapacity& n) { n.nic_bytes_per_s = 0.1e9; }, NodeConstraint::bandwidth, 41);
    binds([](NodeDemand& d, NodeCapacity&) { d.ops_per_s = 30e3; }, NodeConstraint::operations, 31);
    binds([](NodeDemand&, NodeCapacity& n) { n.ops_per_s = 100; }, NodeConstraint::operations, 31);
    binds([](NodeDemand& d, NodeCapacity&) { d.read_bytes_per_s = 10e9; }, NodeConstraint::failure_headroom, 11);
    binds([](NodeDemand& d, NodeCapacity&) { d.read_bytes_per_s = 40e9, d.spare = 0; }, NodeConstraint::bandwidth, 40);
    binds([](NodeDemand& d, NodeCapacity&) { d.read_bytes_per_s = 40e9, d.spare = 3; }, NodeConstraint::bandwidth, 43);
    binds([](NodeDemand& d, NodeCapacity&) { d.fewest = 12; }, NodeConstraint::fewest, 12);
    // One flow of 0.2 GB/s from each of two engines: 0.4 GB/s a machine.
    binds([](NodeDemand& d, NodeCapacity& n) { d.connections = 2, n.nic_bytes_per_s_per_flow = 0.2e9; },
          NodeConstraint::failure_headroom, 11);
    binds([](NodeDemand& d, NodeCapacity& n) { d.connections = 1, n.nic_bytes_per_s_per_flow = 0.2e9; },
          NodeConstraint::bandwidth, 21);
    binds([](NodeDemand& d, NodeCapacity& n) { d.connections = 9, n.nic_bytes_per_s_per_flow = 0.2e9; },
          NodeConstraint::memory, 10);  // the NIC again
  }

  TEST_CASE("a replica doubles machines and carries its primary's loss; writes go out to it") {
    const NodesAnswer nodes = with([](NodeDemand& d, NodeCapacity&) {
      d.replicas = 1;
      d.written_bytes_per_s = 8e9;
    });
    CHECK(same(nodes.egress_bytes_per_s, 12e9));
    CHECK(need(nodes, NodeConstraint::failure_headroom) == 12);
    CHECK(nodes.primaries == 12);
    CHECK(nodes.machines == 24);
    CHECK(nodes.binding == NodeConstraint::bandwidth);
  }

  TEST_CASE("what no number of machines can do says so, and which constraint") {
    const auto single = with([](NodeDemand& d, NodeCapacity&) { d.most = 1, d.spare = 0; });
    CHECK_FALSE(single.primaries.has_value());
    CHECK_FALSE(single.machines.has_value());
    CHECK(single.binding == NodeConstraint::memory);
    CHECK(same(single.memory_used, 10));
    CHECK(same(single.bandwidth_used, 4));
    const auto hot = with([](NodeDemand& d, NodeCapacity&) { d.bytes = {1000, 0.5, 0.26}; });
    CHECK_FALSE(hot.primaries.has_value());  // half of 4 GB/s is more than one machine's 1
    CHECK(hot.binding == NodeConstraint::bandwidth);
    CHECK(hot.bandwidth_used > 2);
    const auto full = with([](NodeDemand& d, NodeCapacity&) { d.memory_bytes = 100e9, d.most = 4; });
    CHECK_FALSE(full.primaries.has_value());  // four by bandwidth, and none to spare
    CHECK(full.binding == NodeConstraint::failure_headroom);
  }

  TEST_CASE("unknown operations are no constraint") {
    const auto nodes = with([](NodeDemand& d, NodeCapacity& n) { d.ops_per_s = 1e12, n.ops_per_s = 0; });
    CHECK(need(nodes, NodeConstraint::operations) == 1);
    CHECK(nodes.operations_used == 0);
    CHECK(nodes.primaries == 10);
  }

  TEST_CASE("popularity: what each key's share follows from") {
    const std::vector<std::uint64_t> uses{5, 0, 3, 2};
    const KeyPopularity p = popularity_of(uses);
    CHECK(p.keys == 3);
    CHECK(same(p.top_share, 0.5));
    CHECK(same(p.sum_of_squares, 0.38));
    CHECK(popularity_of({}).keys == 0);
    const KeyPopularity even = even_popularity(4);
    CHECK(even.top_share == 0.25);
    CHECK(even.sum_of_squares == 0.25);
    CHECK(even_popularity(0).sum_of_squares == 0);
  }

  TEST_CASE("the hottest shard: the top key beside its even share, or the spread of many") {
    CHECK(hottest_share({}, 1) == 1);
    CHECK(same(hottest_share({}, 8), 0.125));
    CHECK(
        same(hottest_share({10, 0.4, 0.2}, 10), std::max(0.4 + 0.06, 0.1 + std::sqrt(2 * std::log(10) * 0.2 * 0.09))));
    CHECK(same(hottest_share({1e6, 1e-6, 1e-6}, 100), 0.01 + std::sqrt(2 * std::log(100) * 1e-6 * 0.0099)));
    CHECK(hottest_share({2, 0.9, 0.9}, 2) == 1);
  }

  TEST_CASE("the hottest shard is what hashing makes of it: within a seventh of a simulation") {
    const std::vector<std::vector<double>> kinds{zipf(20'000, 0), zipf(1000, 0.6), zipf(20'000, 0.8), zipf(20'000, 1.1),
                                                 zipf(300, 1)};
    for (const auto& shares : kinds) {
      for (const std::size_t shards : {2, 5, 16, 64}) {
        const double got = hottest_share(popularity(shares), static_cast<double>(shards)),
                     want = simulated(shares, shards);
        CAPTURE(shares.size());
        CAPTURE(shards);
        CAPTURE(got);
        CAPTURE(want);
        CHECK(got >= want * 0.85);
        CHECK(got <= want * 1.35);  // rather too much than too little
      }
    }
  }

  TEST_CASE("re-warming: what a lost machine's share costs, and none with replicas") {
    const Rewarm r = *rewarm(36'000, 10, 0.02, 0);
    CHECK(same(r.gpu_s_per_loss, 3600));
    CHECK(same(r.gpu_s_per_month, 720));
    CHECK(same(rewarm(72'000, 10, 0.02, 0)->gpu_s_per_loss, 7200));
    CHECK(same(rewarm(36'000, 20, 0.02, 0)->gpu_s_per_loss, 1800));
    CHECK(same(rewarm(36'000, 20, 0.02, 0)->gpu_s_per_month, 720));
    CHECK(same(rewarm(36'000, 10, 0.04, 0)->gpu_s_per_month, 1440));
    CHECK(rewarm(36'000, 10, 0.02, 1)->gpu_s_per_month == 0);
    CHECK_FALSE(rewarm(-1, 10, 0, 0).has_value());
    CHECK_FALSE(rewarm(1, 0, 0, 0).has_value());
  }

  TEST_CASE("figures that are no figures are refused by name") {
    const auto refused = [](auto change, const std::string& name) {
      NodeDemand d = demand();
      NodeCapacity n = kNode;
      change(d, n);
      const auto nodes = nodes_for(d, n);
      REQUIRE_FALSE(nodes.has_value());
      CHECK_MESSAGE(nodes.error().message.find(name) != std::string::npos, nodes.error().message);
    };
    const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
    refused([](NodeDemand& d, NodeCapacity&) { d.memory_bytes = -1; }, "nodes: memory must be from 0");
    refused([=](NodeDemand& d, NodeCapacity&) { d.read_bytes_per_s = nan; }, "bytes read per second");
    refused([=](NodeDemand& d, NodeCapacity&) { d.written_bytes_per_s = inf; }, "bytes written per second");
    refused([](NodeDemand& d, NodeCapacity&) { d.replicas = 2; }, "replicas must be from 0 to 1");
    refused([](NodeDemand& d, NodeCapacity&) { d.fewest = 0; }, "the fewest primaries");
    refused([](NodeDemand& d, NodeCapacity&) { d.fewest = 5, d.most = 4; }, "the most primaries must be from 5");
    refused([](NodeDemand& d, NodeCapacity&) { d.bytes.top_share = 1.5; }, "keys: the top key's share");
    refused([](NodeDemand&, NodeCapacity& n) { n.memory_bytes = 0; }, "a machine's memory must be from 1");
    refused([](NodeDemand&, NodeCapacity& n) { n.nic_bytes_per_s = 0; }, "a machine's NIC");
    refused([=](NodeDemand&, NodeCapacity& n) { n.nic_bytes_per_s_per_flow = nan; }, "a connection's cap");
  }

  TEST_CASE("laws: more demand never needs fewer machines, and the answer is the smallest that fits") {
    CHECK(rc::check([] {
      const auto some = [](int most) { return static_cast<double>(*rc::gen::inRange(0, most)); };
      NodeDemand d;
      d.memory_bytes = some(5000) * 1e9;
      d.read_bytes_per_s = some(50) * 1e9;
      d.written_bytes_per_s = some(50) * 1e9;
      d.ops_per_s = some(50'000);
      d.replicas = *rc::gen::inRange(0U, 2U);
      d.spare = *rc::gen::inRange(0U, 3U);
      const double top = some(100) / 20'000;
      d.bytes = {1e5, top, top * top + 1e-5};
      d.values = some(100'000);
      const NodesAnswer base = of(d);
      const auto count = [](const NodesAnswer& nodes) { return nodes.primaries.value_or(UINT64_MAX); };
      if (base.primaries) {
        RC_ASSERT(base.memory_used <= 1 + 1e-6 && base.bandwidth_used <= 1 + 1e-6);
        RC_ASSERT(base.operations_used <= 1 + 1e-6);
        const NodeNeed& memory = base.needs[0];
        const double fewer = static_cast<double>(*memory.nodes) - 1;
        if (fewer >= 1) {
          RC_ASSERT(d.memory_bytes * hottest_share(even_popularity(d.values), fewer) > kNode.memory_bytes);
        }
      }
      NodeDemand more = d;
      double* const figures[] = {&more.memory_bytes, &more.read_bytes_per_s, &more.written_bytes_per_s,
                                 &more.ops_per_s};
      *figures[*rc::gen::inRange(0, 4)] *= 1 + some(100) / 100;
      RC_ASSERT(count(of(more)) >= count(base));
      NodeCapacity faster = kNode;
      faster.nic_bytes_per_s *= 2;
      RC_ASSERT(count(of(d, faster)) <= count(base));
    }));
  }
}
