#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "policy/block_cache.hpp"
#include "policy/use_counts.hpp"
#include "support/random_workload.hpp"
#include "support/slow_cache.hpp"

using namespace kv;
using Requests = std::vector<std::vector<Handle>>;

namespace {

/// Serves the requests in a cache of this policy, and says which of the blocks below 100 are there at the end.
std::vector<Handle> left_of(const std::string& policy, std::uint64_t capacity, const Requests& requests,
                            std::uint32_t admit = 1) {
  const auto cache = find_policy(policy)->make({.capacity = capacity, .admit = admit});
  for (const auto& blocks : requests) cache->serve(blocks);
  std::vector<Handle> there;
  for (Handle block = 0; block < 100; ++block) {
    if (cache->resident(block)) there.push_back(block);
  }
  return there;
}

void agrees_with_slow_reference(const std::string& policy) {
  CHECK(rc::check(policy, [&] {
    const Workload workload = test::any_workload();
    const Blocks capacity = test::any_capacity(workload);
    SimulationOptions options;
    options.admit = *rc::gen::element<std::uint32_t>(1, 1, 2, 3);
    if (*rc::gen::inRange(0, 3) == 0) options.fixed_ttl = std::chrono::seconds(*rc::gen::inRange(0, 40));
    if (*rc::gen::inRange(0, 3) == 0) options.sliding_ttl = std::chrono::seconds(*rc::gen::inRange(0, 40));
    const std::uint64_t useful = std::min(capacity, Blocks(workload.unique_blocks())).count();
    RC_ASSERT(simulate(workload, *find_policy(policy), capacity, options) ==
              test::slow_simulate(workload, policy, useful, options));
  }));
}

}  // namespace

TEST_SUITE("policies") {
  TEST_CASE("every online policy agrees with one that is written down naively, admission and ttls included") {
    for (const PolicyRow& row : policies()) {
      if (row.online()) agrees_with_slow_reference(row.name);
    }
  }

  TEST_CASE("names are unique, and every row says what it does and who described it") {
    for (const PolicyRow& row : policies()) {
      CAPTURE(row.name);
      CHECK(find_policy(row.name) == &row);
      CHECK_FALSE(row.summary.empty());
      CHECK_FALSE(row.source.empty());
    }
    CHECK(policy_names().find("belady") == std::string::npos);
    CHECK(find_policy("LRU") == nullptr);
  }

  TEST_CASE("lfu: the least used leaves, of equals the one used longest ago") {
    CHECK(left_of("lfu", 3, {{1}, {2}, {3}, {1}, {3}, {4}}) == std::vector<Handle>{1, 3, 4});  // 2: once
    CHECK(left_of("lfu", 3, {{1}, {2}, {3}, {2}, {1}, {3}, {4}}) ==
          std::vector<Handle>{1, 3, 4});  // all twice, 2 first
    CHECK(left_of("lfu", 2, {{1}, {1}, {1}, {2}, {2}, {3}, {2}, {4}}) == std::vector<Handle>{1, 4});  // 2 began again
  }

  TEST_CASE("sieve: a used block is passed over once, and keeps its place") {
    CHECK(left_of("sieve", 3, {{1}, {2}, {3}, {1}, {4}}) == std::vector<Handle>{1, 3, 4});
    CHECK(left_of("sieve", 3, {{1}, {2}, {3}, {1}, {4}, {5}}) ==
          std::vector<Handle>{1, 4, 5});  // the hand went on to 3
    CHECK(left_of("sieve", 3, {{1}, {2}, {3}, {1}, {4}, {5}, {6}, {7}}) == std::vector<Handle>{1, 6, 7});
    CHECK(left_of("sieve", 3, {{1}, {2}, {3}, {1}, {4}, {5}, {6}, {7}, {8}, {9}}) == std::vector<Handle>{1, 8, 9});
  }

  TEST_CASE("s3-fifo: one use more in small is not enough, two are; what comes back is kept") {
    // A capacity of 10: small is to weigh 1.
    const Requests fill{{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}, {10}};
    Requests twice = fill, once = fill, back = fill;
    twice.insert(twice.end(), {{1}, {1}, {11}});
    CHECK(left_of("s3-fifo", 10, twice) == std::vector<Handle>{1, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    once.insert(once.end(), {{1}, {11}});
    CHECK(left_of("s3-fifo", 10, once) == std::vector<Handle>{2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    back.insert(back.end(), {{11}, {1}, {12}, {13}, {14}, {15}, {16}, {17}, {18}, {19}, {20}, {21}});
    CHECK(left_of("s3-fifo", 10, back) == std::vector<Handle>{1, 13, 14, 15, 16, 17, 18, 19, 20, 21});
  }

  TEST_CASE("arc: a scan leaves alone what was used twice") {
    Requests requests{{1}, {2}, {1}, {2}};
    for (Handle block = 10; block < 40; ++block) requests.push_back({block});
    CHECK(left_of("arc", 4, requests) == std::vector<Handle>{1, 2, 38, 39});
    CHECK(left_of("lru", 4, requests) == std::vector<Handle>{36, 37, 38, 39});
  }

  TEST_CASE("gdsf: old fame fades, which lfu never lets it") {
    Requests requests{{1}, {1}, {1}};
    for (Handle block = 10; block < 40; ++block) requests.push_back({block});
    CHECK(left_of("gdsf", 2, requests) == std::vector<Handle>{38, 39});
    CHECK(left_of("lfu", 2, requests) == std::vector<Handle>{1, 39});
  }

  TEST_CASE("gdsf: of blocks used alike the heavy one leaves") {
    const auto cache = find_policy("gdsf")->make({.capacity = 10});
    const auto admit = [&](Handle block, std::uint32_t weight) {
      std::uint8_t pinned = 0, accepted = 0;
      std::vector<Handle> victims;
      cache->admit({{&block, 1}, {&weight, 1}, {&pinned, 1}, {&accepted, 1}}, victims);
      cache->unpin(block);
      return victims;
    };
    admit(1, 2);
    admit(2, 6);
    admit(3, 2);
    CHECK(admit(4, 1) == std::vector<Handle>{2});
  }

  TEST_CASE("length-aware: of blocks used alike the deepest leaves, however recent") {
    CHECK(left_of("length-aware", 4, {{1}, {5, 6, 7}, {2}}) == std::vector<Handle>{1, 2, 5, 6});
    CHECK(left_of("lru", 4, {{1}, {5, 6, 7}, {2}}) == std::vector<Handle>{2, 5, 6, 7});
  }

  TEST_CASE("leaf-lru: without drops and ttls it is lru, as blocks are touched tail to head") {
    CHECK(rc::check([] {
      const Workload workload = test::any_workload();
      const Blocks capacity = test::any_capacity(workload);
      RC_ASSERT(simulate(workload, *find_policy("leaf-lru"), capacity) ==
                simulate(workload, *find_policy("lru"), capacity));
    }));
  }

  TEST_CASE("leaf-lru: a parent stays for its child though a ttl made it the older one") {
    const auto left = [](const char* policy) {
      const auto cache = find_policy(policy)->make({.capacity = 3, .fixed_ttl = std::chrono::seconds(10)});
      cache->serve(std::vector<Handle>{1}, std::chrono::seconds(0));
      cache->serve(std::vector<Handle>{1, 2}, std::chrono::seconds(5));
      cache->serve(std::vector<Handle>{3}, std::chrono::seconds(11));  // 1 has expired; 2 is a hole's child
      cache->serve(std::vector<Handle>{1}, std::chrono::seconds(12));
      cache->serve(std::vector<Handle>{4}, std::chrono::seconds(13));
      return cache->resident(2);
    };
    CHECK_FALSE(left("lru"));
    CHECK_FALSE(left("leaf-lru"));
  }

  TEST_CASE("admission: a block is stored at its second use, and at once after it had left") {
    CHECK(left_of("lru", 2, {{1}, {2}, {1}}, 2) == std::vector<Handle>{1});
    CHECK(left_of("lru", 2, {{1, 2}, {1, 3}, {1, 2}}, 2) == std::vector<Handle>{1, 2});
    CHECK(left_of("lru", 1, {{1}, {1}, {2}, {2}, {1}}, 2) == std::vector<Handle>{1});
    CHECK(left_of("lru", 2, {{1}, {1}}, 3).empty());
  }

  TEST_CASE("uses are forgotten after a generation of other blocks, not before") {
    UseCounts uses(4);
    uses.grow(100);
    CHECK(uses.use(1) == 1);
    CHECK(uses.use(1) == 2);
    for (Handle block = 10; block < 13; ++block) uses.use(block);  // generation 1: 1 10 11 12
    CHECK(uses.remembers(1));
    for (Handle block = 20; block < 24; ++block) uses.use(block);  // generation 2
    CHECK(uses.remembers(1));
    CHECK(uses.use(1) == 3);  // generation 3 begins
    for (Handle block = 30; block < 40; ++block) uses.use(block);
    CHECK_FALSE(uses.remembers(1));
    CHECK(uses.use(1) == 1);
    for (int i = 0; i < 1000; ++i) uses.use(50);
    CHECK(uses.use(50) == UseCounts::kMostUses);
  }
}
