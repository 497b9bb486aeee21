// Exact curves against the protocol itself, carried out request by request.
#include <doctest/doctest.h>

#include <optional>
#include <set>

#include "curve/dead_slots.hpp"
#include "curve/lru_curve.hpp"
#include "curve/simulate.hpp"
#include "curve/ttl_curve.hpp"
#include "support/random_workload.hpp"

using namespace kv;

namespace {

SimulationResult simulate_lru(const Workload& workload, Blocks capacity) {
  return simulate(workload, *find_policy("lru"), capacity);
}

/// Positions by a plain list.
class SlowStack {
 public:
  std::optional<std::uint64_t> position(DenseId block) const {
    const auto at = std::find(order_.begin(), order_.end(), block);
    if (at == order_.end()) return std::nullopt;
    return static_cast<std::uint64_t>(at - order_.begin()) + 1;
  }
  void touch(std::span<const DenseId> blocks) {
    for (std::size_t i = blocks.size(); i-- > 0;) {
      std::erase(order_, blocks[i]);
      order_.insert(order_.begin(), blocks[i]);
    }
  }
  void erase(DenseId block) { std::erase(order_, block); }

 private:
  std::vector<DenseId> order_;
};

}  // namespace

TEST_SUITE("curves") {
  TEST_CASE("a block behind an evicted one is found again only with it") {
    // 1 <- 2 <- 3, then 9, in a cache of 3: 3, the tail, had to leave.
    WorkloadBuilder builder(Tokens(16));
    for (const auto& ids : std::vector<std::vector<BlockId>>{{1, 2, 3}, {9}, {1, 2, 3}}) {
      REQUIRE(builder.add(Duration(0), Tokens(ids.size() * 16), Tokens(1), ids));
    }
    const LruCurve curve = lru_curve(std::move(builder).build(Tokens(16)));
    CHECK(curve.at(Blocks(1)).block_hits == 0);
    CHECK(curve.at(Blocks(2)).block_hits == 1);
    CHECK(curve.at(Blocks(3)).block_hits == 2);
    CHECK(curve.at(Blocks(4)).block_hits == 3);
    CHECK(curve.at(Blocks(4)).token_hits == 48);
    CHECK(curve.at(Blocks(1'000'000)) == curve.at(Blocks(4)));
    CHECK(curve.largest_distance() == Blocks(4));
  }

  TEST_CASE("the curve is what the protocol does, at every capacity") {
    rc::check("of 100 workloads", [] {
      const Workload workload = test::any_workload();
      const LruCurve curve = lru_curve(workload);
      for (std::uint64_t capacity = 1; capacity <= workload.unique_blocks() + 1; ++capacity) {
        RC_ASSERT(curve.at(Blocks(capacity)) == simulate_lru(workload, Blocks(capacity)));
      }
    });
  }

  TEST_CASE("the largest curve is the ideal one, and no larger cache serves less") {
    rc::check([] {
      const Workload workload = test::any_workload();
      const LruCurve curve = lru_curve(workload);
      const IdealHits ideal = ideal_hits(workload);
      const SimulationResult all = curve.at(Blocks(workload.unique_blocks()));
      RC_ASSERT(all.block_hits == ideal.block_hits);
      RC_ASSERT(all.token_hits == ideal.token_hits);
      RC_ASSERT(all.requests_with_hit == ideal.requests_with_hit);
      for (std::uint64_t capacity = 1; capacity <= workload.unique_blocks(); ++capacity) {
        RC_ASSERT(curve.at(Blocks(capacity - 1)).token_hits <= curve.at(Blocks(capacity)).token_hits);
      }
    });
  }

  TEST_CASE("positions survive renumbering and erasure") {
    rc::check([](std::uint64_t seed) {
      Random random(seed);
      constexpr DenseId kBlocks = 40;
      RecencyStack stack(kBlocks);
      SlowStack slow;
      // 3000 requests of up to 20 blocks take more slots than there are.
      for (int i = 0; i < 3000; ++i) {
        const DenseId first = static_cast<DenseId>(random.below(4) * 10);
        std::vector<DenseId> blocks;
        for (DenseId b = 0; b < 1 + random.below(10); ++b) blocks.push_back(first + b);
        std::size_t known = 0;
        bool right = true;
        stack.touch(blocks, [&](const RecencyStack::Run& run) {
          right = right && run.index == known;
          known += run.count;
          for (std::size_t k = 0; k < run.count; ++k) {
            right = right && slow.position(blocks[run.index + k]) == run.position + k;
          }
        });
        RC_ASSERT(right);
        RC_ASSERT((known == blocks.size() || !slow.position(blocks[known])));
        slow.touch(blocks);
        if (random.below(10) == 0) {  // the last block, so that known ones come first
          stack.erase(blocks.back());
          slow.erase(blocks.back());
          for (DenseId b = blocks.back() + 1; b < first + 10; ++b) {
            if (stack.contains(b)) stack.erase(b);
            slow.erase(b);
          }
        }
      }
    });
  }

  TEST_CASE("the dead are counted, before and after the living move together") {
    rc::check([](std::uint64_t seed) {
      Random random(seed);
      const std::size_t size = 1 + random.below(3'000'000);
      DeadSlots slots(size);
      std::set<std::size_t> dead;
      for (int i = 0; i < 200; ++i) {
        const std::size_t first = random.below(size);
        const std::size_t count = std::min<std::size_t>(1 + random.below(100), size - first);
        const auto next = dead.lower_bound(first);
        if (next == dead.end() || *next >= first + count) {
          slots.kill(first, count);
          for (std::size_t s = first; s < first + count; ++s) dead.insert(s);
        }
        const std::size_t place = random.below(size);
        RC_ASSERT(slots.before(place) ==
                  static_cast<std::uint64_t>(std::distance(dead.begin(), dead.lower_bound(place))));
      }
      std::vector<std::uint32_t> places{UINT32_MAX}, want{UINT32_MAX};
      for (std::size_t s = 0; s < size; s += 1 + size / 50) {
        if (dead.contains(s)) continue;
        places.push_back(static_cast<std::uint32_t>(s));
        want.push_back(static_cast<std::uint32_t>(s) -
                       static_cast<std::uint32_t>(std::distance(dead.begin(), dead.lower_bound(s))));
      }
      slots.compact(places, UINT32_MAX);
      RC_ASSERT(places == want);
      RC_ASSERT(slots.before(size - 1) == 0);
    });
  }

  TEST_CASE("sliding TTL: a block lives while its age since last use is at most the TTL") {
    rc::check([] {
      const Workload workload = test::any_workload();
      const std::vector<Duration> ttls{std::chrono::seconds(40), std::chrono::seconds(0), std::chrono::hours(9),
                                       std::chrono::seconds(40), std::chrono::seconds(5)};
      const auto got = sliding_ttl_hits(workload, ttls);
      RC_ASSERT(got.size() == ttls.size());
      for (std::size_t t = 0; t < ttls.size(); ++t) {
        TtlHits want{.ttl = ttls[t]};
        std::vector<std::optional<Duration>> used(workload.unique_blocks());
        for (std::size_t i = 0; i < workload.size(); ++i) {
          const Request request = workload[i];
          std::size_t found = 0;
          while (found < request.blocks.size() && used[request.blocks[found]] &&
                 request.at - *used[request.blocks[found]] <= ttls[t]) {
            ++found;
          }
          want.block_hits += found;
          want.token_hits += std::min(found * 16, request.input.count());
          want.requests_with_hit += found > 0;
          for (const DenseId block : request.blocks) used[block] = request.at;
        }
        RC_ASSERT(got[t].ttl == want.ttl);
        RC_ASSERT(got[t].block_hits == want.block_hits);
        RC_ASSERT(got[t].token_hits == want.token_hits);
        RC_ASSERT(got[t].requests_with_hit == want.requests_with_hit);
      }
    });
  }
}
