#include "backend/resp/ttl.hpp"

#include <doctest/doctest.h>

#include <thread>

#include "backend/resp/lifetimes.hpp"

using namespace kv;
using namespace kv::resp;
using std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

namespace {

TtlRule depth_rule(Duration full, std::uint64_t halving_blocks, Duration least) {
  return {full, TtlMode::depth, halving_blocks, least};
}

TimePoint at(Duration since_start) { return TimePoint{} + since_start; }

/// A lookup of blocks of which none is there, begun and answered at the same time.
void miss(Lifetimes& lifetimes, const std::vector<std::uint64_t>& blocks, TimePoint when) {
  std::vector<BlockRef> refs;
  refs.reserve(blocks.size());
  for (const std::uint64_t block : blocks) refs.push_back({{7, block}, 0});
  lifetimes.looked_up(refs, std::vector<bool>(blocks.size(), false), when, when);
}

}  // namespace

TEST_SUITE("resp ttl") {
  TEST_CASE("by depth: halved every so many blocks, never below the least, never above the whole") {
    struct Case {
      std::int64_t full_ms;
      std::uint64_t halving_blocks;
      std::int64_t least_ms;
      std::uint64_t depth;
      std::int64_t expected_ms;
    };
    // By hand: 3600 s / 2, 4, 8, ... = 1800, 900, 450, 225, 112.5, 56.25 s.
    const Case cases[] = {
        {3'600'000, 64, 60'000, 0, 3'600'000},
        {3'600'000, 64, 60'000, 63, 3'600'000},
        {3'600'000, 64, 60'000, 64, 1'800'000},
        {3'600'000, 64, 60'000, 127, 1'800'000},
        {3'600'000, 64, 60'000, 128, 900'000},
        {3'600'000, 64, 60'000, 320, 112'500},
        {3'600'000, 64, 60'000, 384, 60'000},
        {3'600'000, 64, 60'000, 1'000'000, 60'000},
        {3'600'000, 64, 60'000, ~0ULL, 60'000},
        {600'000, 64, 60'000, 128, 150'000},         // another whole
        {3'600'000, 10, 60'000, 64, 60'000},         // another step: 6 halvings
        {3'600'000, 10, 60'000, 59, 112'500},        // 5
        {3'600'000, 1, 60'000, 2, 900'000},          //
        {3'600'000, 64, 50'000, 384, 56'250},        // another least
        {3'600'000, 64, 1'000'000, 128, 1'000'000},  //
        {30'000, 64, 60'000, 0, 30'000},             // a least above the whole is the whole
        {30'000, 64, 60'000, 640, 30'000},
    };
    for (const Case& c : cases) {
      CAPTURE(c.full_ms);
      CAPTURE(c.halving_blocks);
      CAPTURE(c.least_ms);
      CAPTURE(c.depth);
      const TtlRule rule = depth_rule(milliseconds(c.full_ms), c.halving_blocks, milliseconds(c.least_ms));
      const TtlCommands commands(rule);
      CHECK(rule.at(c.depth) == Duration(milliseconds(c.expected_ms)));
      CHECK(commands.at(c.depth).ttl == rule.at(c.depth));
      CHECK(commands.at(c.depth).manifest_ms == std::to_string(c.expected_ms));
      CHECK(commands.at(c.depth).manifest.tail().find("PX\r\n") != std::string_view::npos);
      CHECK(commands.at(c.depth).manifest.tail().ends_with("\r\n" + std::to_string(c.expected_ms) + "\r\n"));
    }
  }

  TEST_CASE("fixed and sliding do not look at depth, and without a ttl nothing expires in any mode") {
    for (const TtlMode mode : {TtlMode::fixed, TtlMode::sliding}) {
      const TtlCommands commands(TtlRule{Seconds(90), mode, 1, milliseconds(1)});
      for (const std::uint64_t depth : {0, 1, 1000}) CHECK(commands.at(depth).manifest_ms == "90000");
      CHECK(commands.sliding() == (mode == TtlMode::sliding));
    }
    for (const TtlMode mode : {TtlMode::fixed, TtlMode::sliding, TtlMode::depth}) {
      const TtlCommands commands(TtlRule{std::nullopt, mode, 1, milliseconds(1)});
      CHECK_FALSE(commands.at(5).ttl.has_value());
      CHECK(commands.at(5).manifest.tail() == "\r\n");
      CHECK(commands.at(5).chunk.tail() == "\r\n");
      CHECK_FALSE(commands.sliding());
    }
  }

  TEST_CASE("chunks outlive their manifest by an eighth of its ttl, from 100 ms to 10 s") {
    CHECK(chunk_grace(milliseconds(1)) == milliseconds(100));
    CHECK(chunk_grace(Seconds(4)) == milliseconds(500));
    CHECK(chunk_grace(std::chrono::hours(1)) == Seconds(10));
    CHECK(TtlCommands(TtlRule{Seconds(4)}).at(0).chunk_ms == "4500");
    CHECK(TtlCommands(TtlRule{Seconds(4)}).at(0).chunk.tail().ends_with("\r\n4500\r\n"));
  }

  TEST_CASE("a miss is an expiry once the ttl has passed, a loss before, and nothing if it was never stored") {
    Lifetimes lifetimes;
    lifetimes.stored({7, 1}, at(Seconds(0)), at(Seconds(1)), Seconds(10));
    lifetimes.stored({7, 2}, at(Seconds(0)), at(Seconds(1)), Seconds(100));
    lifetimes.stored({7, 3}, at(Seconds(0)), at(Seconds(1)), std::nullopt);
    miss(lifetimes, {1, 2, 3, 4}, at(Seconds(9)));
    CHECK(lifetimes.counts().expired == 0);
    CHECK(lifetimes.counts().lost == 3);
    miss(lifetimes, {1, 2, 3, 4}, at(Seconds(10)));
    CHECK(lifetimes.counts().expired == 1);
    CHECK(lifetimes.counts().lost == 5);
    miss(lifetimes, {1}, at(Seconds(11)));  // every lookup in vain counts
    CHECK(lifetimes.counts().expired == 2);
    miss(lifetimes, {2}, at(Seconds(101)));
    CHECK(lifetimes.counts().expired == 3);
    CHECK(lifetimes.counts().lost == 5);
  }

  TEST_CASE("only what is not present is a miss, and of another run's block nothing is known") {
    Lifetimes lifetimes;
    for (const std::uint64_t block : {1, 2}) lifetimes.stored({7, block}, {}, {}, Seconds(1));
    const std::vector<BlockRef> refs{{{7, 1}, 0}, {{7, 2}, 0}, {{8, 1}, 0}};
    lifetimes.looked_up(refs, {true, true, true}, at(Seconds(9)), at(Seconds(9)));
    CHECK(lifetimes.counts().expired == 0);
    lifetimes.looked_up(refs, {true, false, false}, at(Seconds(9)), at(Seconds(9)));
    CHECK(lifetimes.counts().expired == 1);
  }

  TEST_CASE("a block that another session stored after the lookup began was not lost") {
    Lifetimes lifetimes;
    lifetimes.stored({7, 1}, at(Seconds(5)), at(Seconds(6)), std::nullopt);
    const std::vector<BlockRef> refs{{{7, 1}, 0}};
    lifetimes.looked_up(refs, {false}, at(Seconds(6)), at(Seconds(8)));
    CHECK(lifetimes.counts().lost == 0);
    lifetimes.looked_up(refs, {false}, at(Seconds(7)), at(Seconds(8)));
    CHECK(lifetimes.counts().lost == 1);
  }

  TEST_CASE("a renewal counts and moves the end, storing again starts over, clear forgets") {
    Lifetimes lifetimes;
    lifetimes.stored({7, 1}, at(Seconds(0)), at(Seconds(0)), Seconds(10));
    lifetimes.renewed({7, 1}, at(Seconds(8)), Seconds(10));
    CHECK(lifetimes.counts().renewed == 1);
    miss(lifetimes, {1}, at(Seconds(17)));
    CHECK(lifetimes.counts().lost == 1);
    miss(lifetimes, {1}, at(Seconds(18)));
    CHECK(lifetimes.counts().expired == 1);
    lifetimes.stored({7, 1}, at(Seconds(20)), at(Seconds(20)), Seconds(10));
    miss(lifetimes, {1}, at(Seconds(29)));
    CHECK(lifetimes.counts().lost == 2);
    lifetimes.clear();
    miss(lifetimes, {1}, at(Seconds(90)));
    CHECK(lifetimes.counts().expired == 0);
    CHECK(lifetimes.counts().lost == 0);
    CHECK(lifetimes.counts().renewed == 0);
  }

  TEST_CASE("sessions may use it at once") {
    Lifetimes lifetimes;
    std::vector<std::thread> sessions;
    for (std::uint64_t s = 0; s < 4; ++s) {
      sessions.emplace_back([&lifetimes, s] {
        for (std::uint64_t block = 0; block < 1000; ++block) {
          lifetimes.stored({s, block}, {}, {}, Seconds(1));
          miss(lifetimes, {block}, at(Seconds(2)));
        }
      });
    }
    for (std::thread& session : sessions) session.join();
    CHECK(lifetimes.counts().expired == 0);  // miss() asks for space 7
    const std::vector<BlockRef> refs{{{0, 999}, 0}, {{3, 0}, 0}};
    lifetimes.looked_up(refs, {false, false}, at(Seconds(2)), at(Seconds(2)));
    CHECK(lifetimes.counts().expired == 2);
  }
}
