#include <doctest/doctest.h>

#include <algorithm>
#include <list>
#include <numeric>

#include "base/random.hpp"
#include "policy/block_cache.hpp"

using namespace kv;

namespace {

struct Outcome {
  std::size_t hits = 0, unstored = 0;
};

/// One whole request with nothing else in flight; weights are 1.
Outcome run(BlockCache& cache, const std::vector<Handle>& blocks) {
  const std::vector<std::uint32_t> weights(blocks.size(), 1);
  std::vector<std::uint8_t> pinned(blocks.size()), accepted(blocks.size());
  Outcome out;
  bool leading = true;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (cache.resident(blocks[i])) {
      cache.pin(blocks[i]);
      pinned[i] = 1;
    } else {
      leading = false;
    }
    out.hits += leading;
  }
  std::vector<Handle> victims;
  cache.admit({blocks, weights, pinned, accepted}, victims);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (pinned[i]) cache.unpin(blocks[i]);
    if (!accepted[i] && i >= out.hits) ++out.unstored;
  }
  return out;
}

std::unique_ptr<BlockCache> make(const char* policy, std::uint64_t capacity) {
  return find_policy(policy)->make({.capacity = capacity});
}

}  // namespace

TEST_SUITE("block cache") {
  TEST_CASE("a block behind a hole is not a hit, stays, and is not stored again") {
    const auto made = make("fifo", 4);
    BlockCache& cache = *made;
    run(cache, {1, 2, 3});  // stored tail to head: 3 is the oldest, then 2, then 1
    run(cache, {9});
    run(cache, {8});  // evicts 3
    run(cache, {7});  // evicts 2
    CHECK(cache.resident(1));
    run(cache, {2, 6});                      // evicts 1 and 9; now 8, 7, 6, 2
    const Outcome out = run(cache, {1, 2});  // 1 is gone, 2 is there behind the hole
    CHECK(out.hits == 0);
    CHECK(out.unstored == 1);
    CHECK(cache.resident(2));
  }

  TEST_CASE("LRU evicts the tail of an old prompt before its head") {
    const auto made = make("lru", 3);
    BlockCache& cache = *made;
    run(cache, {1, 2, 3});
    run(cache, {9});
    CHECK(run(cache, {1, 2, 3}).hits == 2);
  }

  TEST_CASE("a request larger than the cache stores its leading blocks and evicts everything else") {
    const auto made = make("lru", 3);
    BlockCache& cache = *made;
    run(cache, {9});
    const Outcome out = run(cache, {1, 2, 3, 4, 5});
    CHECK(out.unstored == 2);
    CHECK(cache.used() == 3);
    CHECK(run(cache, {1, 2, 3, 4, 5}).hits == 3);
    CHECK(cache.insertions() == 4);
    CHECK(cache.evictions() == 1);
  }

  TEST_CASE("victims are chosen before inserting: a request does not evict its own prefix under FIFO") {
    const auto made = make("fifo", 4);
    BlockCache& cache = *made;
    run(cache, {1, 2});
    run(cache, {8, 9});
    const Outcome out = run(cache, {1, 2, 3, 4});  // 1 and 2 are the oldest, but its own
    CHECK(out.hits == 2);
    CHECK(out.unstored == 0);
    CHECK_FALSE(cache.resident(8));
    CHECK_FALSE(cache.resident(9));
  }

  TEST_CASE("pinned blocks are no victims, and what finds no room counts as unstored") {
    const auto made = make("lru", 2);
    BlockCache& cache = *made;
    run(cache, {1, 2});
    cache.pin(1);
    CHECK(run(cache, {5, 6}).unstored == 1);
    CHECK(cache.resident(1));
    CHECK(cache.resident(5));
    cache.unpin(1);
  }

  TEST_CASE("a dropped block gives its room back") {
    const auto made = make("lru", 2);
    BlockCache& cache = *made;
    run(cache, {1, 2});
    cache.drop(1);
    CHECK(cache.used() == 1);
    CHECK_FALSE(cache.resident(1));
    CHECK(run(cache, {3}).unstored == 0);
    CHECK(cache.resident(2));
  }

  TEST_CASE("heavy blocks: the capacity is never exceeded, only a leading part is stored") {
    for (const PolicyRow& row : policies()) {
      if (!row.online()) continue;
      const auto made = row.make({.capacity = 100});
      BlockCache& cache = *made;
      Random random(7);
      for (int round = 0; round < 3000; ++round) {
        std::vector<Handle> blocks(1 + random.below(12));
        const Handle base = static_cast<Handle>(random.below(40)) * 16;
        std::iota(blocks.begin(), blocks.end(), base);
        std::vector<std::uint32_t> weights;
        for (const Handle b : blocks) weights.push_back(1 + static_cast<std::uint32_t>(mix64(b) % 20));
        std::vector<std::uint8_t> pinned(blocks.size()), accepted(blocks.size());
        std::vector<Handle> victims;
        cache.admit({blocks, weights, pinned, accepted}, victims);
        bool refused = false;
        for (std::size_t i = 0; i < blocks.size(); ++i) {
          if (!pinned[i]) refused = true;
          CHECK_FALSE((accepted[i] && refused));
          if (pinned[i]) cache.unpin(blocks[i]);
        }
        REQUIRE(cache.used() <= 100);
      }
      CHECK(cache.insertions() - cache.evictions() > 0);
    }
  }

  TEST_CASE("LRU agrees with a list that is written down naively") {
    const auto made = make("lru", 50);
    BlockCache& cache = *made;
    std::list<Handle> naive;  // front is the newest
    Random random(3);
    for (int round = 0; round < 5000; ++round) {
      std::vector<Handle> blocks(1 + random.below(20));
      std::iota(blocks.begin(), blocks.end(), static_cast<Handle>(random.below(10) * 20));
      std::size_t want = 0;
      const auto in = [&](Handle b) { return std::find(naive.begin(), naive.end(), b) != naive.end(); };
      while (want < blocks.size() && in(blocks[want])) ++want;
      CHECK(run(cache, blocks).hits == want);
      for (auto b = blocks.rbegin(); b != blocks.rend(); ++b) {
        naive.remove(*b);
        naive.push_front(*b);
      }
      while (naive.size() > 50) naive.pop_back();
    }
  }
}
