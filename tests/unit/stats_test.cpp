#include "stats/stats.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>
#include <set>

using namespace kv;
using std::chrono::milliseconds;
using std::chrono::minutes;
using Seconds = std::chrono::seconds;

namespace {

using Ids = std::vector<BlockId>;

struct Row {
  std::uint64_t at_s;
  Ids ids;
  std::string session = {}, tenant = {};
};

/// Blocks of 16 tokens, all full but those of `short_by`, which lack so many tokens in the last block.
Workload workload(const std::vector<Row>& rows, std::uint64_t short_by = 0) {
  WorkloadBuilder builder(Tokens(16));
  for (const Row& row : rows) {
    const Origin origin{.delay = std::nullopt, .session = row.session, .tenant = row.tenant, .group = {}, .type = {}};
    const auto added =
        builder.add(Seconds(row.at_s), Tokens(row.ids.size() * 16 - short_by), Tokens(7), row.ids, 0, origin);
    REQUIRE_MESSAGE(added, added.error().message);
  }
  return std::move(builder).build(Tokens(16));
}

/// Random walks in a tree where block = 10 x parent + 1..3: any path has one parent a block.
Workload random_workload() {
  const auto steps = *rc::gen::container<std::vector<std::vector<int>>>(
      rc::gen::nonEmpty(rc::gen::resize(6, rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 4)))));
  std::vector<Row> rows;
  std::uint64_t at = 0;
  for (const auto& path : steps) {
    Ids ids;
    BlockId id = 0;
    for (const int step : path) ids.push_back(id = 10 * id + static_cast<BlockId>(step));
    rows.push_back({at += static_cast<std::uint64_t>(path.size()), ids, "", path.size() % 2 != 0 ? "odd" : "even"});
  }
  return workload(rows);
}

/// What an LRU of `capacity` serves, and what an unbounded cache with a sliding TTL does: by lists and maps.
struct Simple {
  std::vector<DenseId> recent;  // most recent first
  std::map<DenseId, Duration> used;
  std::uint64_t lru_hits = 0, ttl_hits = 0;

  void serve(const Request& request, std::size_t capacity, Duration ttl) {
    bool lru = true, fresh = true;
    for (const DenseId block : request.blocks) {
      const auto place = std::find(recent.begin(), recent.end(), block);
      lru = lru && place != recent.end() && static_cast<std::size_t>(place - recent.begin()) < capacity;
      fresh = fresh && used.count(block) != 0 && request.at - used[block] <= ttl;
      lru_hits += lru;
      ttl_hits += fresh;
    }
    for (std::size_t i = request.blocks.size(); i-- > 0;) {
      const DenseId block = request.blocks[i];
      recent.erase(std::remove(recent.begin(), recent.end(), block), recent.end());
      recent.insert(recent.begin(), block);
      used[block] = request.at;
    }
  }
};

}  // namespace

TEST_SUITE("stats") {
  // 1 <- 2 <- 3 at 0 s; 1 <- 2 <- 4 at 30 s; 5 at 90 s; 1 <- 2 <- 3 at 150 s.
  const std::vector<Row> kRows = {
      {0, {1, 2, 3}, "a", "x"}, {30, {1, 2, 4}, "b", "y"}, {90, {5}, "a", "x"}, {150, {1, 2, 3}, "", "x"}};

  TEST_CASE("series: bins follow one another, and count what arrives and what was known") {
    const Series series = series_of(workload(kRows), minutes(1));
    REQUIRE(series.bins.size() == 3);
    CHECK(series.bins[0].requests == 2);
    CHECK(series.bins[0].input_tokens == 96);
    CHECK(series.bins[0].output_tokens == 14);
    CHECK(series.bins[0].block_refs == 6);
    CHECK(series.bins[0].block_hits == 2);
    CHECK(series.bins[0].token_hits == 32);
    CHECK(series.bins[0].working_set_blocks == 4);
    CHECK(series.bins[0].unique_blocks == 4);
    CHECK(series.bins[1].unique_blocks == 5);
    CHECK(series.bins[2].block_hits == 3);
    CHECK(series.bins[2].working_set_blocks == 3);
    CHECK(series.peak_to_mean == doctest::Approx(1.5));                // 2 / (4 / 3)
    CHECK(series.dispersion == doctest::Approx(2.0 / 9 / (4.0 / 3)));  // counts 2, 1, 1
  }

  TEST_CASE("series: more bins than a document can hold become longer ones") {
    const Series series = series_of(workload({{0, {1}}, {9'000'000'000, {2}}}), Seconds(1));
    CHECK(series.bins.size() <= kMostBins);
    CHECK(series.width % Seconds(1) == Duration(0));
    CHECK(series.bins.back().requests == 1);
  }

  TEST_CASE("working sets: different blocks of each window; windows beyond the trace are left out") {
    const std::vector<Duration> windows = {minutes(1), minutes(2), std::chrono::hours(1)};
    const auto sets = working_sets_of(workload(kRows), windows);
    REQUIRE(sets.size() == 2);
    CHECK(sets[0].peak_blocks == 4);
    CHECK(sets[0].mean_blocks == doctest::Approx((4 + 1 + 3) / 3.0));
    CHECK(sets[1].peak_blocks == 5);
    CHECK(sets[1].mean_blocks == doctest::Approx((5 + 3) / 2.0));
  }

  TEST_CASE("reuse: intervals and distances count each use but the first of a block") {
    const std::vector<Duration> ttls = {Seconds(29), Seconds(30), Seconds(119), Seconds(120), Seconds(150)};
    const Reuse reuse = reuse_of(workload(kRows), ttls);
    REQUIRE(reuse.interval_ns);
    CHECK(reuse.interval_ns->count == 5);  // 30, 30, 120, 120, 150 s
    CHECK(reuse.interval_ns->min == 30'000'000'000);
    CHECK(reuse.interval_ns->max == 150'000'000'000);
    CHECK(reuse.one_shot_blocks == 2);  // 4, 5
    std::vector<std::uint64_t> hits;
    for (const TtlHits& point : reuse.ttl) hits.push_back(point.block_hits);
    CHECK(hits == std::vector<std::uint64_t>{0, 2, 2, 4, 5});
    // Second request: 1 and 2 on top. Fourth: 5 above 1 2 4 above 3: positions 2, 3, 5.
    REQUIRE(reuse.distance_blocks);
    CHECK(reuse.distance_blocks->min == 1);
    CHECK(reuse.distance_blocks->max == 5);
    REQUIRE(reuse.lru.size() == 4);  // 1, 2, 4, 8
    CHECK(reuse.lru[0].block_hits == 1);
    CHECK(reuse.lru[1].block_hits == 3);
    CHECK(reuse.lru[2].block_hits == 4);
    CHECK(reuse.lru[3].block_hits == 5);
    CHECK(reuse.lru[3].token_hits == 80);
    CHECK(reuse_of(workload(kRows, 3), ttls).lru[3].token_hits == 32 + 45);  // 3 tokens short: its last block counts 13
  }

  TEST_CASE("reuse: points equal direct simulation, on any workload") {
    rc::check([] {
      const Workload w = random_workload();
      const std::vector<Duration> ttls = {Seconds(1), Seconds(3), Seconds(10), Seconds(40)};
      const Reuse reuse = reuse_of(w, ttls);
      for (std::size_t p = 0; p < std::max(reuse.lru.size(), ttls.size()); ++p) {
        const LruPoint& lru = reuse.lru[std::min(p, reuse.lru.size() - 1)];
        const TtlHits& ttl = reuse.ttl[std::min(p, ttls.size() - 1)];
        Simple simple;
        for (std::size_t i = 0; i < w.size(); ++i) simple.serve(w[i], lru.capacity.count(), ttl.ttl);
        RC_ASSERT(lru.block_hits == simple.lru_hits);
        RC_ASSERT(ttl.block_hits == simple.ttl_hits);
      }
      RC_ASSERT(reuse.lru.back().block_hits == ideal_hits(w).block_hits);
      RC_ASSERT(reuse.lru.back().token_hits == ideal_hits(w).token_hits);
    });
  }

  TEST_CASE("sharing: trees, branches, and what each shared stretch saves") {
    const Sharing sharing = sharing_of(workload(kRows), 10);
    CHECK(sharing.common_blocks == 0);
    CHECK(sharing.trees == 2);             // 1, 5
    CHECK(sharing.branching_blocks == 1);  // 2
    CHECK(sharing.leaf_blocks == 3);       // 3, 4, 5
    REQUIRE(sharing.branching_depth);
    CHECK(sharing.branching_depth->max == 2);
    REQUIRE(sharing.top.size() == 2);
    CHECK(sharing.top[0].last_block == 2);
    CHECK(sharing.top[0].depth_blocks == 2);
    CHECK(sharing.top[0].blocks == 2);
    CHECK(sharing.top[0].uses == 3);
    CHECK(sharing.top[0].saved_tokens == 2 * 32);
    CHECK(sharing.top[1].last_block == 3);
    CHECK(sharing.top[1].depth_blocks == 3);
    CHECK(sharing.top[1].blocks == 1);
    CHECK(sharing.top[1].saved_tokens == 16);
    REQUIRE(sharing.depths.size() == 4);  // 0, 1, 2, 4
    CHECK(sharing.depths[0].requests == 2);
    CHECK(sharing.depths[2].requests == 1);
    CHECK(sharing.depths[3].requests == 1);
    CHECK(sharing.depths[3].block_hits == 3);
    CHECK(sharing_of(workload({{0, {1, 2}}, {1, {1, 3}}, {2, {1}}}), 1).common_blocks == 1);
  }

  TEST_CASE("sharing: what all prefixes save is what a cache that never evicts saves") {
    rc::check([] {
      const Workload w = random_workload();
      std::uint64_t saved = 0, hits = 0, requests = 0;
      const Sharing sharing = sharing_of(w, SIZE_MAX);
      for (const SharedPrefix& prefix : sharing.top) saved += prefix.saved_tokens;
      for (const DepthBin& bin : sharing.depths) {
        hits += bin.block_hits;
        requests += bin.requests;
      }
      RC_ASSERT(saved == ideal_hits(w).token_hits);
      RC_ASSERT(hits == ideal_hits(w).block_hits);
      RC_ASSERT(requests == w.size());
    });
  }

  TEST_CASE("isolation: a tenant finds what it used itself; unnamed requests are one more") {
    const Workload w = workload(kRows);
    const auto tenants = isolation_of(w, Isolate::tenant);
    REQUIRE(tenants);
    CHECK(tenants->tenants == 2);
    CHECK(tenants->block_hits == 3);  // x finds 1 2 3 again, y finds nothing
    CHECK(tenants->token_hits == 48);
    const auto sessions = isolation_of(w, Isolate::session);
    REQUIRE(sessions);
    CHECK(sessions->tenants == 3);
    CHECK(sessions->block_hits == 0);
    CHECK_FALSE(isolation_of(workload({{0, {1}}}), Isolate::tenant));
  }

  TEST_CASE("isolation: equals a cache a tenant, on any workload") {
    rc::check([] {
      const Workload w = random_workload();
      std::map<std::uint32_t, std::set<DenseId>> caches;
      std::uint64_t hits = 0;
      for (std::size_t i = 0; i < w.size(); ++i) {
        auto& cache = caches[w[i].tenant.value_or(99)];
        for (const DenseId block : w[i].blocks) hits += cache.count(block);
        cache.insert(w[i].blocks.begin(), w[i].blocks.end());
      }
      const auto isolation = isolation_of(w, Isolate::tenant);
      RC_ASSERT(isolation.has_value() == (w.size() > 0));
      if (isolation) RC_ASSERT(isolation->block_hits == hits);
    });
  }

  TEST_CASE("arrivals and sessions") {
    const Workload w = workload(kRows);
    const Arrivals arrivals = arrivals_of(w);
    CHECK(arrivals.mean_requests_per_s == doctest::Approx(4 / 150.0));
    CHECK(arrivals.interarrival_cv == doctest::Approx(std::sqrt(200.0) / 50));  // 30, 60, 60
    CHECK(arrivals.input_tokens->max == 48);
    CHECK(arrivals.output_tokens->mean == 7);
    const auto sessions = sessions_of(w);
    REQUIRE(sessions);
    CHECK(sessions->sessions == 2);
    CHECK(sessions->requests == 3);
    CHECK(sessions->turns->max == 2);
    CHECK(sessions->gap_ns->max == 90'000'000'000);
    CHECK_FALSE(sessions_of(workload({{0, {1}}})));
    const Arrivals one = arrivals_of(workload({{5, {1}}}));
    CHECK_FALSE(one.mean_requests_per_s);
    CHECK_FALSE(one.interarrival_cv);
    CHECK_FALSE(one.interarrival_ns);
  }

  TEST_CASE("warm-up: told of a hit rate that rises to the end, not of a steady one, nor of a short trace") {
    std::vector<Row> rising, steady;
    for (std::uint64_t i = 0; i < 200; ++i) {
      steady.push_back({i, {1, 1000 + i}});
      rising.push_back({i, i < 150 ? Ids{1000 + i} : Ids{1000 + i - 150}});
    }
    REQUIRE(warm_up_of(workload(rising)));
    CHECK(warm_up_of(workload(rising))->still_warming);
    CHECK(warm_up_of(workload(rising))->last_quarter_block_hit_rate == 1);
    CHECK_FALSE(warm_up_of(workload(steady))->still_warming);
    CHECK(warm_up_of(workload(steady))->third_quarter_block_hit_rate == 0.5);
    rising.resize(kWarmUpRequests - 1);
    CHECK_FALSE(warm_up_of(workload(rising)));
  }
}
