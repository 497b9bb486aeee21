#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>

#include "backend/registry.hpp"
#include "curve/simulate.hpp"
#include "policy/named_cache.hpp"
#include "support/random_workload.hpp"
#include "support/replay_bench.hpp"

using namespace kv;

namespace {

const PolicyRow& policy(const std::string& name) { return *find_policy(name); }

struct At {
  int second;
  std::vector<BlockId> blocks;
};
Workload timed(const std::vector<At>& requests) {
  WorkloadBuilder builder;
  for (const At& r : requests) {
    REQUIRE(builder.add(std::chrono::seconds(r.second), Tokens(r.blocks.size() * 16), Tokens(1), r.blocks));
  }
  return std::move(builder).build(Tokens(16));
}

/// The most block hits that any choice of what to keep can have: all subsets of at most 10 blocks are tried.
std::uint64_t best_by_trying(const Workload& workload, std::uint64_t capacity) {
  std::map<std::uint32_t, std::uint64_t> best{{0, 0}};  // by what is kept
  for (std::size_t r = 0; r < workload.size(); ++r) {
    std::map<std::uint32_t, std::uint64_t> next;
    for (const auto& [kept, hits_before] : best) {
      std::uint32_t all = kept;
      std::uint64_t hits = hits_before;
      bool leading = true;
      for (const DenseId block : workload[r].blocks) {
        leading = leading && (kept >> block & 1) != 0;
        hits += leading;
        all |= 1U << block;
      }
      for (std::uint32_t some = all;; some = (some - 1) & all) {
        if (static_cast<std::uint64_t>(__builtin_popcount(some)) <= capacity) next[some] = std::max(next[some], hits);
        if (some == 0) break;
      }
    }
    best = std::move(next);
  }
  std::uint64_t most = 0;
  for (const auto& [kept, hits] : best) most = std::max(most, hits);
  return most;
}

std::size_t count_refs(const Workload& workload) { return summarize(workload).block_refs; }

}  // namespace

TEST_SUITE("simulate") {
  TEST_CASE("belady has the most hits that anyone can have") {
    CHECK(rc::check([] {
      test::RandomTree tree{.requests = *rc::gen::inRange<std::size_t>(1, 12), .depth = 3};
      const Workload workload = test::random_workload(*rc::gen::arbitrary<std::uint64_t>(), tree);
      RC_PRE(workload.unique_blocks() <= 10);
      const auto capacity = *rc::gen::inRange<std::uint64_t>(0, 6);
      RC_ASSERT(simulate(workload, policy("belady"), Blocks(capacity)).block_hits ==
                best_by_trying(workload, capacity));
    }));
  }

  TEST_CASE("no policy has more hits than belady, whatever its admission or ttl, nor belady more than no eviction") {
    CHECK(rc::check([] {
      const Workload workload = test::any_workload();
      const Blocks capacity = test::any_capacity(workload);
      const SimulationResult bound = simulate(workload, policy("belady"), capacity);
      for (const PolicyRow& row : policies()) {
        SimulationOptions options;
        options.admit = *rc::gen::element<std::uint32_t>(1, 2);
        if (*rc::gen::arbitrary<bool>()) options.sliding_ttl = std::chrono::seconds(20);
        RC_ASSERT(simulate(workload, row, capacity).block_hits <= bound.block_hits);
        RC_ASSERT(simulate(workload, row, capacity, options).block_hits <= bound.block_hits);
      }
      RC_ASSERT(bound.block_hits <= ideal_hits(workload).block_hits);
      if (capacity >= Blocks(workload.unique_blocks())) {
        RC_ASSERT(bound.block_hits == ideal_hits(workload).block_hits);
      }
    }));
  }

  TEST_CASE("every reference is a hit, an insertion or unstored; what was inserted and has not left fits") {
    CHECK(rc::check([] {
      const Workload workload = test::any_workload();
      const Blocks capacity = test::any_capacity(workload);
      SimulationOptions options;
      options.admit = *rc::gen::element<std::uint32_t>(0, 1, 2, 3);
      if (*rc::gen::arbitrary<bool>()) options.fixed_ttl = std::chrono::seconds(20);
      for (const PolicyRow& row : policies()) {
        const SimulationResult sum = simulate(workload, row, capacity, options);
        RC_ASSERT(sum.block_hits + sum.insertions + sum.unstored == count_refs(workload));
        RC_ASSERT(sum.insertions >= sum.evictions + sum.expirations);
        RC_ASSERT(sum.insertions - sum.evictions - sum.expirations <= capacity.count());
        RC_ASSERT(sum.requests_with_hit <= sum.block_hits);
        RC_ASSERT(sum.token_hits <= sum.block_hits * workload.block_size().count());
      }
    }));
  }

  TEST_CASE("belady stores what is used again, and of that what is used soonest") {
    // 9 and 3 never come again. After the third request one of 1 2 8 has to go: 8 is used last.
    const Workload workload = timed({{0, {1, 2}}, {0, {9}}, {0, {8}}, {0, {1, 2, 3}}, {0, {8}}});
    const SimulationResult sum = simulate(workload, policy("belady"), Blocks(2));
    CHECK(sum == SimulationResult{.requests_with_hit = 1,
                                  .block_hits = 2,
                                  .token_hits = 32,
                                  .insertions = 2,
                                  .evictions = 2,  // 1 and 2 after their last use
                                  .unstored = 4});
    CHECK(simulate(workload, policy("belady"), Blocks(3)).block_hits == 3);
    CHECK(simulate(workload, policy("belady"), Blocks(1)).block_hits == 1);
  }

  TEST_CASE("belady evicts what it stored if something more useful comes") {
    const Workload workload = timed({{0, {1}}, {0, {2}}, {0, {2}}, {0, {1}}});
    const SimulationResult sum = simulate(workload, policy("belady"), Blocks(1));
    CHECK(sum.block_hits == 1);
    CHECK(sum.insertions == 2);
    CHECK(sum.evictions == 2);  // 1 for 2, and 2 once it is no longer needed
  }

  TEST_CASE("ttl: at exactly its age a block lives; fixed counts from the store, sliding from the last use") {
    const Workload workload = timed({{0, {1}}, {10, {1}}, {20, {1}}, {31, {1}}});
    const auto hits = [&](std::optional<int> fixed, std::optional<int> sliding) {
      SimulationOptions options;
      if (fixed) options.fixed_ttl = std::chrono::seconds(*fixed);
      if (sliding) options.sliding_ttl = std::chrono::seconds(*sliding);
      return simulate(workload, policy("lru"), Blocks(1), options).block_hits;
    };
    CHECK(hits(std::nullopt, 9) == 0);
    CHECK(hits(std::nullopt, 10) == 2);
    CHECK(hits(std::nullopt, 11) == 3);
    CHECK(hits(9, std::nullopt) == 0);
    CHECK(hits(10, std::nullopt) == 1);  // stored at 0 and at 20
    CHECK(hits(20, std::nullopt) == 2);
    CHECK(hits(31, std::nullopt) == 3);
    CHECK(hits(20, 10) == 2);
    CHECK(hits(10, 10) == 1);
  }

  TEST_CASE("ttl: expired blocks give their room before anyone is evicted, and leave holes") {
    const Workload workload = timed({{0, {1}}, {5, {1, 2}}, {11, {1, 2}}});
    SimulationOptions options;
    options.fixed_ttl = std::chrono::seconds(10);
    const SimulationResult sum = simulate(workload, policy("lru"), Blocks(2), options);
    CHECK(sum.block_hits == 1);
    CHECK(sum.expirations == 1);
    CHECK(sum.evictions == 0);
    CHECK(sum.insertions == 3);
    CHECK(sum.unstored == 1);  // 2, there behind the hole
  }

  TEST_CASE("many capacities at once, in order, give what each gives alone") {
    const Workload workload = test::random_workload(5, {.requests = 300});
    const std::vector<Blocks> capacities{Blocks(40), Blocks(0), Blocks(7), Blocks(1000000), Blocks(40)};
    for (const PolicyRow& row : policies()) {
      for (const unsigned threads : {0U, 1U, 3U, 9U}) {
        const auto many = simulate_many(workload, row, capacities, {}, threads);
        REQUIRE(many.size() == capacities.size());
        for (std::size_t i = 0; i < many.size(); ++i) CHECK(many[i] == simulate(workload, row, capacities[i]));
      }
    }
    CHECK(simulate_many(workload, policy("lru"), {}).empty());
    CHECK(simulate(Workload(), policy("lru"), Blocks(3)) == SimulationResult());
    CHECK(simulate(Workload(), policy("belady"), Blocks(3)) == SimulationResult());
  }
}

TEST_SUITE("policy planned, policy measured") {
  TEST_CASE("local: with one worker hits, inserts and evicts as simulated, whatever the policy and admission") {
    for (const PolicyRow& row : policies()) {
      if (!row.online()) continue;
      CHECK(rc::check(row.name, [&] {
        test::RandomTree tree{.requests = 120, .depth = *rc::gen::element<std::size_t>(2, 12)};
        const std::vector<test::Asked> none;
        test::Bench bench(none, test::kFast);  // histograms stay small
        bench.workload = test::random_workload(*rc::gen::arbitrary<std::uint64_t>(), tree);
        const auto capacity = *rc::gen::inRange<std::uint64_t>(1, 100);
        const auto admit = *rc::gen::element<std::uint32_t>(1, 1, 2, 3);
        const auto backend = parse_backend("local:?capacity_blocks=" + std::to_string(capacity) +
                                           "&policy=" + row.name + "&admit=" + std::to_string(admit))
                                 .and_then(make_backend);
        RC_ASSERT(backend.has_value());
        const auto result = replay(**backend, bench.plan, bench.control);
        RC_ASSERT(result.has_value());
        const Counts c = result->repetitions.at(0).counts;
        const SimulationResult sum = simulate(bench.workload, row, Blocks(capacity), {.admit = admit});
        RC_ASSERT(c.requests_with_hit == sum.requests_with_hit);
        RC_ASSERT(c.block_hits == sum.block_hits);
        RC_ASSERT(c.token_hits == sum.token_hits);
        RC_ASSERT(c.insertions == sum.insertions);
        RC_ASSERT(c.evictions == sum.evictions);
      }));
    }
  }

  TEST_CASE("handles that go from block to block change nothing, and what is remembered stays bounded") {
    constexpr std::uint64_t kCapacity = 50;
    constexpr std::size_t kLookEvery = 16;  // at all that is resident; at what a request changes, always
    const Workload workload = test::random_workload(9, {.requests = 20000, .depth = 12, .reuse = 0.7});
    for (const PolicyRow& row : policies()) {
      if (!row.online()) continue;
      CAPTURE(row.name);
      struct Name {
        std::uint64_t space, block;
        bool operator==(const Name&) const = default;
      };
      NamedCache<Name> named(row, {.capacity = kCapacity});
      const auto plain = row.make({.capacity = kCapacity});
      std::map<DenseId, Handle> handles;
      std::vector<DenseId> holders;  // by handle
      std::vector<Handle> free, victims;
      bool same = true;
      for (std::size_t r = 0; r < workload.size(); ++r) {
        const auto blocks = workload[r].blocks;
        std::vector<Handle> request;
        std::vector<Name> names;
        std::vector<std::uint32_t> weights(blocks.size(), 1);
        std::vector<std::uint8_t> pinned(blocks.size()), accepted(blocks.size());
        for (const DenseId block : blocks) {
          if (const auto held = handles.find(block); held != handles.end()) {
            request.push_back(held->second);
          } else {
            if (free.empty()) {
              free.push_back(static_cast<Handle>(holders.size()));
              holders.emplace_back();
            }
            holders[free.back()] = block;
            handles[block] = free.back();
            request.push_back(free.back());
            free.pop_back();
          }
          names.push_back({1, block});
        }
        victims.clear();
        named.admit({request, weights, pinned, accepted}, names, victims);
        plain->serve(blocks);
        for (std::size_t i = 0; i < blocks.size(); ++i) {
          if (pinned[i]) named.unpin(request[i]);
          if (!pinned[i]) victims.push_back(request[i]);  // not there: its handle is free as well
        }
        for (const Handle victim : victims) {
          same = same && !plain->resident(holders[victim]);
          handles.erase(holders[victim]);
          free.push_back(victim);
        }
        for (std::size_t i = 0; i < blocks.size(); ++i) {
          if (pinned[i]) same = same && plain->resident(blocks[i]) && named.resident(request[i]);
        }
        if (r % kLookEvery == 0) {
          for (const auto& [block, handle] : handles) same = same && plain->resident(block) && named.resident(handle);
        }
        same = same && handles.size() == plain->used();
      }
      CHECK(same);
      CHECK(named.known() < 2000);
    }
  }
}
