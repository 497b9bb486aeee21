#include "plan/rent.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>

#include "price/price_file.hpp"
#include "support/given_prefill.hpp"
#include "support/near.hpp"

using namespace kv;
using test::same;

namespace {

/// A millisecond a token, and a microsecond a pair.
double simple_s(double cached, double fresh) { return fresh * 1e-3 + fresh * (cached + fresh / 2) * 1e-6; }

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

/// 100 tokens a block: 0.1 s + 0.005 s at the beginning. 36 dollars an hour for each of 2 GPUs: 2 cents a second.
struct Bench {
  GivenPrefill prefill{simple_s};
  std::vector<ReuseBin> reuses;
  RentQuestion question() const {
    RentQuestion q;
    q.prefill = &prefill;
    q.block_size = Tokens(100);
    q.behind = Tokens(100);
    q.gpus = 2;
    q.gpu_usd_per_hour = 36;
    q.stored_bytes_per_block = 5e6;
    q.reuses = reuses;
    return q;
  }
};

RentTier tier(double usd_per_gb_hour, double read = 0, double written = 0) {
  return {"t", usd_per_gb_hour, read, written};
}

double breakeven(const RentTier& t) { return breakeven_reuse_s({2e-3, 4e6}, t).value_or(-1); }

}  // namespace

TEST_SUITE("rent") {
  TEST_CASE("break-even is what recomputing costs over what keeping costs a second") {
    // 2e-3 dollars; 0.004 GB x 0.9 an hour = 1e-6 a second.
    CHECK(same(breakeven(tier(0.9)), 2000));
    CHECK(same(breakeven(tier(1.8)), 1000));
    CHECK(same(*breakeven_reuse_s({4e-3, 4e6}, tier(0.9)), 4000));
    CHECK(same(*breakeven_reuse_s({2e-3, 8e6}, tier(0.9)), 1000));
    CHECK(same(breakeven(tier(0.9, 0.25)), 1000));  // reading costs 0.004 x 0.25 = 1e-3
    CHECK(breakeven(tier(0.9, 0.5)) == 0);          // as much as computing
    CHECK(breakeven(tier(0.9, 9)) == 0);
    CHECK(same(breakeven(tier(0.9, 0, 99)), 2000));  // what was written is paid for
    CHECK(breakeven(tier(0)) == -1);                 // free: for ever
    CHECK(breakeven(tier(0, 0.5)) == 0);             // free, but not worth reading
    CHECK(breakeven_reuse_s({1e9, 1e-9}, tier(1e-9)) == 1e15);
    CHECK(breakeven_reuse_s({0, 4e6}, tier(0.9)) == 0);
  }

  TEST_CASE("a machine's gigabyte costs its price over what is usable of it") {
    CHECK(same(node_usd_per_gb_hour(0.873, 42.5e9), 0.873 / 42.5));
    CHECK(node_usd_per_gb_hour(0.873, 0) == 0);
  }

  TEST_CASE("a block deeper in the prompt costs more, by its pairs with all in front") {
    const GivenPrefill prefill(simple_s);
    const auto block_s = [&](std::uint64_t before, std::uint64_t block, std::uint64_t behind) {
      return block_recompute_s(prefill, Tokens(before), Tokens(block), Tokens(behind));
    };
    // 100 x 1e-3, and 100 x (before + 50) + 0 pairs with what is behind: those are of the tokens behind.
    CHECK(same(block_s(0, 100, 1), 0.1 + 100 * 50 * 1e-6, 1e-6));
    CHECK(same(block_s(1000, 100, 1), 0.1 + 100 * 1050 * 1e-6, 1e-6));
    CHECK(same(block_s(1000, 200, 1), 0.2 + 200 * 1100 * 1e-6, 1e-6));
    CHECK(same(block_s(1000, 100, 900), block_s(1000, 100, 1), 1e-6));
    // What each pass pays anyway is no saving, and a pass that takes what the weights take saves nothing.
    const GivenPrefill fixed([](double c, double f) { return 7 + simple_s(c, f); });
    CHECK(same(block_recompute_s(fixed, Tokens(0), Tokens(100), Tokens(1)), 0.105, 1e-6));
    const GivenPrefill floor([](double, double) { return 0.5; });
    CHECK(block_recompute_s(floor, Tokens(0), Tokens(100), Tokens(1)) == 0);
    const GivenPrefill odd([](double c, double) { return 1 + c; });  // longer with the cache than without
    CHECK(block_recompute_s(odd, Tokens(0), Tokens(100), Tokens(1)) == 0);
  }

  TEST_CASE("each input of the rule moves the answer as it should") {
    Bench b;
    // First block: 0.105 s x 2 x 36 / 3600 = 2.1e-3 dollars; 0.005 GB x 1.8 / 3600 = 2.5e-6 a second.
    const auto answer = rent_answer(b.question(), tier(1.8));
    REQUIRE(answer.has_value());
    CHECK(answer->tier == "t");
    CHECK(same(answer->recompute_usd_per_block, 2.1e-3, 1e-6));
    CHECK(same(answer->rent_usd_per_block_hour, 9e-3));
    CHECK(same(*answer->breakeven_reuse_s, 840, 1e-6));
    CHECK(same(*answer->breakeven_first_block_s, 840, 1e-6));
    CHECK_FALSE(answer->share_inside.has_value());
    CHECK_FALSE(answer->ttl.has_value());
    const auto with = [&](auto change) {
      RentQuestion q = b.question();
      change(q);
      return *rent_answer(q, tier(1.8))->breakeven_reuse_s;
    };
    CHECK(same(with([](RentQuestion& q) { q.gpus = 1; }), 420, 1e-6));
    CHECK(same(with([](RentQuestion& q) { q.gpu_usd_per_hour = 72; }), 1680, 1e-6));
    CHECK(same(with([](RentQuestion& q) { q.stored_bytes_per_block = 10e6; }), 420, 1e-6));
    CHECK(same(with([](RentQuestion& q) { q.block_size = Tokens(200); }), (0.2 + 0.02) * 0.02 / 2.5e-6, 1e-6));
  }

  TEST_CASE("reuses are inside or outside, each by the break-even of its own depth") {
    Bench b;
    // At 1.8: 840 s for the first block, (0.1 + 0.205) x 0.02 / 2.5e-6 = 2440 s behind 2000 tokens.
    b.reuses = {{800, Tokens(0), 3}, {900, Tokens(0), 4}, {2400, Tokens(2000), 2}, {2500, Tokens(2000), 1}};
    auto answer = rent_answer(b.question(), tier(1.8));
    REQUIRE(answer.has_value());
    CHECK(same(*answer->share_inside, 0.5));
    CHECK(same(*answer->breakeven_first_block_s, 840, 1e-6));
    CHECK(same(*answer->breakeven_deepest_s, 2440, 1e-6));
    CHECK(same(*answer->breakeven_reuse_s, (7 * 840 + 3 * 2440) / 10.0, 1e-6));
    answer = rent_answer(b.question(), tier(0.9));
    CHECK(*answer->share_inside == 1);
    answer = rent_answer(b.question(), tier(180));
    CHECK(*answer->share_inside == 0);
    answer = rent_answer(b.question(), tier(0));
    CHECK(*answer->share_inside == 1);
    CHECK_FALSE(answer->breakeven_reuse_s.has_value());
  }

  TEST_CASE("the TTL that leaves most pays for blocks that never come back, too") {
    Bench b;
    b.reuses = {{100, Tokens(0), 10}, {1000, Tokens(0), 10}};
    RentQuestion q = b.question();
    q.last_uses = 5;
    // A reuse is worth 2.1e-3; a second costs 2.5e-6 at 1.8 dollars.
    // 100 s: 10 x 2.1e-3 - 2.5e-6 x (10 x 100 + 15 x 100) = 0.021 - 0.00625
    // 1000 s: 20 x 2.1e-3 - 2.5e-6 x (1000 + 10,000 + 5000) = 0.042 - 0.04
    auto ttl = rent_answer(q, tier(1.8))->ttl;
    REQUIRE(ttl.has_value());
    CHECK(ttl->ttl_s == 100);
    CHECK(ttl->reuses == 10);
    CHECK(same(ttl->saved_usd, 0.021, 1e-6));
    CHECK(same(ttl->rent_usd, 0.00625, 1e-6));
    ttl = rent_answer(q, tier(0.18))->ttl;  // a tenth of the rent: 0.042 - 0.004 against 0.021 - 0.000625
    CHECK(ttl->ttl_s == 1000);
    CHECK(same(ttl->rent_usd, 0.004, 1e-6));
    ttl = rent_answer(q, tier(0))->ttl;
    CHECK(ttl->ttl_s == 1000);
    CHECK(ttl->rent_usd == 0);
    CHECK_FALSE(rent_answer(q, tier(18))->ttl.has_value());
    q.last_uses = 50;  // 0.021 - 2.5e-6 x (1000 + 60 x 100) = 0.0035; 0.042 - 2.5e-6 x 61,000 < 0
    CHECK(rent_answer(q, tier(1.8))->ttl->ttl_s == 100);
    q.last_uses = 80;
    CHECK_FALSE(rent_answer(q, tier(1.8))->ttl.has_value());
    q.last_uses = 5;  // reading costs as much as computing
    CHECK_FALSE(rent_answer(q, tier(0.18, 0.42))->ttl.has_value());
  }

  TEST_CASE("bins of one interval come in together, in any order") {
    Bench b;
    b.reuses = {{50, Tokens(0), 1}, {10, Tokens(0), 0}, {50, Tokens(1000), 2}};
    const auto ttl = rent_answer(b.question(), tier(0.018))->ttl;
    REQUIRE(ttl.has_value());
    CHECK(ttl->ttl_s == 50);
    CHECK(ttl->reuses == 3);
  }

  TEST_CASE("check vectors: on managed nodes 40 s for the first block of 8B, 2.3 min for 70B") {
    const auto prices = default_prices();
    REQUIRE(prices.has_value());
    const NodePrice& node = **find_price(*prices, prices->nodes, "cache.r7g.2xlarge", "node");
    const RentTier managed = tier(node_usd_per_gb_hour(node.usd_per_hour.typical, node.usable_bytes()));
    RentQuestion q;
    const GivenPrefill small = flops_prefill(8.03e9, 32, 32, 128), big = flops_prefill(70.6e9, 80, 64, 128);
    q.prefill = &small;
    q.gpu_usd_per_hour = 2.95;
    q.stored_bytes_per_block = 512 * 131072.0;
    auto answer = rent_answer(q, managed);
    REQUIRE(answer.has_value());
    CHECK(same(answer->recompute_usd_per_block, 1.5e-5, 0.03));
    CHECK(same(answer->rent_usd_per_block_hour, 1.4e-3, 0.03));
    CHECK(same(*answer->breakeven_first_block_s, 40, 0.03));
    const std::vector<ReuseBin> deep{{114, Tokens(15 * 512), 1}};  // the trace's median interval
    q.reuses = deep;
    // 15 x 512 tokens in front: 4 x 32 x 32 x 128 x 512 x (7680 + 256) pairs more than half a square.
    const double flops = 2 * 8.03e9 * 512 + 4.0 * 32 * 32 * 128 * 512 * (7680 + 256);
    answer = rent_answer(q, managed);
    CHECK(same(*answer->breakeven_deepest_s, flops / (0.45 * 989e12) * 2.95 / answer->rent_usd_per_block_hour, 1e-4));
    CHECK(*answer->breakeven_deepest_s > *answer->breakeven_first_block_s);
    CHECK(*answer->share_inside == 0);
    q.reuses = {};
    q.prefill = &big;
    q.stored_bytes_per_block = 512 * 327680.0;
    CHECK(same(*rent_answer(q, managed)->breakeven_first_block_s, 140, 0.01));
  }

  TEST_CASE("check vectors: the rent trap, 250 dollars an hour to save 1.60") {
    const auto prices = default_prices();
    REQUIRE(prices.has_value());
    const NodePrice& node = **find_price(*prices, prices->nodes, "cache.r7g.2xlarge", "node");
    const RentTier managed = tier(node_usd_per_gb_hour(node.usd_per_hour.typical, node.usable_bytes()));
    const double all = 182'790.0 * 512 * 131072;
    CHECK(same(all, 12.27e12, 1e-3));
    // 54.1 M tokens at 2 x 8.03e9 operations each.
    const double saved_gpu_hours = 54.1e6 * 2 * 8.03e9 / (0.45 * 989e12) / 3600;
    CHECK(same(saved_gpu_hours, 0.54, 0.01));
    const std::vector<CapacityPoint> points{{all, 0.374, saved_gpu_hours * 2.95, 0, 0}};
    const auto advice = advise_capacity(points, managed, 0.3);
    REQUIRE(advice.has_value());
    CHECK_FALSE(advice->best.has_value());
    CHECK(same(advice->fullest->rent_usd_per_hour, 250, 0.02));
    CHECK(same(advice->fullest->point.saved_usd_per_hour, 1.60, 0.01));
    CHECK(same(advice->fullest->net_usd_per_hour(), -250, 0.02));
  }

  TEST_CASE("the best size is where marginal rent meets marginal saving") {
    const std::vector<CapacityPoint> points{{100e9, 0.30, 3.0, 0, 0},
                                            {200e9, 0.45, 4.5, 0, 0},
                                            {300e9, 0.50, 5.0, 0, 0},
                                            {400e9, 0.52, 5.2, 0, 0},
                                            {500e9, 0.53, 5.3, 0, 0}};
    const auto best = [&](const RentTier& t) {
      const auto advice = advise_capacity(points, t, 0.5);
      REQUIRE(advice.has_value());
      return advice->best ? advice->best->point.stored_bytes : -1;
    };
    CHECK(best(tier(0)) == 500e9);
    CHECK(best(tier(0.0015)) == 400e9);  // a further 100 GB: 0.15 an hour, for 0.2 and then 0.1
    CHECK(best(tier(0.004)) == 300e9);   // 0.4 for 0.5, then for 0.2
    CHECK(best(tier(0.01)) == 200e9);
    CHECK(best(tier(0.02)) == 100e9);
    CHECK(best(tier(0.031)) == -1);
    const auto advice = advise_capacity(points, tier(0.004), 0.5);
    CHECK(same(advice->best->rent_usd_per_hour, 1.2));
    CHECK(same(advice->best->net_usd_per_hour(), 3.8));
    CHECK(same(*advice->target_bytes, 300e9));
    CHECK(same(*advise_capacity(points, tier(0), 0.375)->target_bytes, 150e9));
    CHECK(same(*advise_capacity(points, tier(0), 0.15)->target_bytes, 50e9));
    CHECK(*advise_capacity(points, tier(0), 0)->target_bytes == 0);
    CHECK_FALSE(advise_capacity(points, tier(0), 0.54)->target_bytes.has_value());
    REQUIRE(advice->knee.has_value());
    CHECK(advice->knee->point.stored_bytes == 200e9);
    CHECK(advice->fullest->point.stored_bytes == 500e9);
  }

  TEST_CASE("what is moved counts against a size") {
    const std::vector<CapacityPoint> points{{100e9, 0.3, 5, 20e9, 30e9}, {200e9, 0.4, 6, 40e9, 25e9}};
    const auto advice = advise_capacity(points, tier(0.01, 0.05, 0.06), 1);
    REQUIRE(advice.has_value());
    CHECK(advice->best->point.stored_bytes == 100e9);
    CHECK(same(advice->best->moved_usd_per_hour, 20 * 0.05 + 30 * 0.06));
    CHECK(same(advice->best->net_usd_per_hour(), 5 - 1 - 2.8));
    CHECK(same(advice->fullest->net_usd_per_hour(), 6 - 2 - 2 - 1.5));
  }

  TEST_CASE("no points: no advice, and no trouble") {
    const auto advice = advise_capacity({}, tier(1), 0.5);
    REQUIRE(advice.has_value());
    CHECK_FALSE(advice->best.has_value());
    CHECK_FALSE(advice->target_bytes.has_value());
    CHECK_FALSE(advice->fullest.has_value());
  }

  TEST_CASE("figures that are no figures are refused by name") {
    Bench b;
    const auto refused = [&](auto change, const std::string& name) {
      RentQuestion q = b.question();
      RentTier t = tier(1);
      change(q, t);
      const auto answer = rent_answer(q, t);
      REQUIRE_FALSE(answer.has_value());
      CHECK(answer.error().code == Code::bad_input);
      CHECK_MESSAGE(answer.error().message.find(name) != std::string::npos, answer.error().message);
    };
    refused([](RentQuestion& q, RentTier&) { q.gpu_usd_per_hour = -1; }, "rent: dollars per GPU-hour must be from 0");
    refused([](RentQuestion& q, RentTier&) { q.gpus = kNaN; }, "GPUs of an engine");
    refused([](RentQuestion& q, RentTier&) { q.stored_bytes_per_block = kInf; }, "stored bytes of a block");
    refused([](RentQuestion& q, RentTier&) { q.last_uses = -1; }, "last uses");
    refused([](RentQuestion& q, RentTier&) { q.prefill = nullptr; }, "needs prefill times");
    refused([](RentQuestion& q, RentTier&) { q.behind = Tokens(0); }, "a token at least");
    refused([](RentQuestion&, RentTier& t) { t.usd_per_gb_hour = kNaN; }, "t: dollars per GB-hour");
    refused([](RentQuestion&, RentTier& t) { t.usd_per_gb_read = -0.1; }, "dollars per GB read");
    refused([](RentQuestion&, RentTier& t) { t.usd_per_gb_written = kInf; }, "dollars per GB written");
    b.reuses = {{kNaN, Tokens(0), 1}};
    refused([](RentQuestion&, RentTier&) {}, "interval in seconds");
    b.reuses = {{1, Tokens(0), -1}};
    refused([](RentQuestion&, RentTier&) {}, "a count of reuses");
    const std::vector<CapacityPoint> falling{{2, 0.1, 1, 0, 0}, {1, 0.2, 2, 0, 0}};
    CHECK_FALSE(advise_capacity(falling, tier(1), 0.5).has_value());
    const std::vector<CapacityPoint> above{{2, 1.1, 1, 0, 0}};
    CHECK_FALSE(advise_capacity(above, tier(1), 0.5).has_value());
    CHECK_FALSE(advise_capacity({}, tier(1), kNaN).has_value());
  }

  TEST_CASE("laws: dearer rent shortens the break-even, dearer GPUs lengthen it, shares follow") {
    CHECK(rc::check([] {
      Bench b;
      const auto some = [](int most) { return static_cast<double>(*rc::gen::inRange(1, most)); };
      const int bins = *rc::gen::inRange(0, 8);
      for (int i = 0; i < bins; ++i) {
        b.reuses.push_back({some(5000), Tokens(*rc::gen::inRange<std::uint64_t>(0, 20'000)), some(100)});
      }
      RentQuestion q = b.question();
      q.last_uses = some(1000);
      const RentTier cheap = tier(some(1000) / 100), dear = tier(cheap.usd_per_gb_hour * (1 + some(300) / 100));
      const auto low = rent_answer(q, cheap), high = rent_answer(q, dear);
      RC_ASSERT(low.has_value() && high.has_value());
      RC_ASSERT(*high->breakeven_reuse_s <= *low->breakeven_reuse_s);
      RC_ASSERT(high->share_inside.value_or(0) <= low->share_inside.value_or(0));
      const auto net = [](const RentAnswer& a) { return a.ttl ? a.ttl->saved_usd - a.ttl->rent_usd : 0; };
      RC_ASSERT(net(*high) <= net(*low) * (1 + 1e-12));
      RC_ASSERT(net(*high) >= 0);
      q.gpu_usd_per_hour *= 2;
      const auto paid = rent_answer(q, cheap);
      RC_ASSERT(*paid->breakeven_reuse_s >= *low->breakeven_reuse_s);
      RC_ASSERT(net(*paid) >= net(*low) * (1 - 1e-12));
    }));
  }
}
