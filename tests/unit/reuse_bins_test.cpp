#include "plan/reuse_bins.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <map>

#include "curve/ttl_curve.hpp"
#include "support/random_workload.hpp"

using namespace kv;

namespace {

Workload small() {
  WorkloadBuilder builder;
  const auto add = [&](double at_s, std::uint64_t tokens, std::vector<BlockId> ids) {
    REQUIRE(builder.add(from_seconds(at_s), Tokens(tokens), Tokens(1), ids));
  };
  add(0, 48, {7, 8, 9});
  add(10, 32, {7, 8});
  add(10, 64, {7, 8, 9, 5});
  return std::move(builder).build(Tokens(16));
}

}  // namespace

TEST_SUITE("plan: reuse") {
  TEST_CASE("each use of a known block counts, with its interval and its depth") {
    const WorkloadReuse reuse = reuse_of_blocks(small());
    CHECK(reuse.last_uses == 4);
    std::map<std::pair<double, std::uint64_t>, double> counts;
    for (const ReuseBin& bin : reuse.bins) counts[{bin.interval_s, bin.before.count()}] += bin.reuses;
    const std::map<std::pair<double, std::uint64_t>, double> wanted{
        {{10, 0}, 1}, {{10, 16}, 1}, {{0, 0}, 1}, {{0, 16}, 1}, {{10, 32}, 1}};
    CHECK(counts == wanted);
    CHECK(reuse_of_blocks(WorkloadBuilder().build(Tokens(16))).bins.empty());
  }

  TEST_CASE("bins keep the count and the sums, and are as narrow as they say") {
    CHECK(rc::check([] {
      const Workload workload = test::random_workload(*rc::gen::arbitrary<std::uint64_t>());
      std::vector<double> last(workload.unique_blocks(), -1);
      double reuses = 0, seconds_sum = 0, tokens_sum = 0;
      for (std::size_t i = 0; i < workload.size(); ++i) {
        const Request request = workload[i];
        for (std::size_t b = 0; b < request.blocks.size(); ++b) {
          double& used = last[request.blocks[b]];
          if (used >= 0) {
            reuses += 1, seconds_sum += seconds(request.at) - used, tokens_sum += static_cast<double>(b) * 16;
          }
          used = seconds(request.at);
        }
      }
      double got = 0, got_seconds = 0, got_tokens = 0;
      const WorkloadReuse reuse = reuse_of_blocks(workload);
      for (const ReuseBin& bin : reuse.bins) {
        got += bin.reuses;
        got_seconds += bin.reuses * bin.interval_s;
        got_tokens += bin.reuses * static_cast<double>(bin.before.count());
      }
      RC_ASSERT(got == reuses);
      RC_ASSERT(std::abs(got_seconds - seconds_sum) <= 1e-6 * seconds_sum + 1e-9);
      RC_ASSERT(std::abs(got_tokens - tokens_sum) <= 0.5 * reuses);
      RC_ASSERT(reuse.last_uses == static_cast<double>(workload.unique_blocks()));
    }));
  }

  TEST_CASE("what is inside an interval is what a sliding TTL serves, but for the bin that it cuts") {
    const Workload workload = test::random_workload(11, {400, 10, 0.8, 16});
    const WorkloadReuse reuse = reuse_of_blocks(workload);
    for (const int ttl_s : {1, 5, 20, 100, 1000}) {
      const std::vector<Duration> ttls{std::chrono::seconds(ttl_s) * 9 / 10, std::chrono::seconds(ttl_s) * 9 / 8};
      const auto hits = sliding_ttl_hits(workload, ttls);
      double inside = 0;
      for (const ReuseBin& bin : reuse.bins) inside += bin.interval_s <= ttl_s ? bin.reuses : 0;
      CAPTURE(ttl_s);
      CHECK(inside >= static_cast<double>(hits[0].block_hits));
      CHECK(inside <= static_cast<double>(hits[1].block_hits));
    }
  }
}
