#include <doctest/doctest.h>

#include <thread>

#include "replay/row_break_even.hpp"
#include "support/replay_bench.hpp"

using namespace kv;
using namespace kv::test;

namespace {

/// One prompt of five blocks asked for again and again, each time with a new block behind.
std::vector<Asked> talk(std::size_t turns) {
  std::vector<Asked> asked;
  for (std::size_t i = 0; i < turns; ++i) asked.push_back({96, {1, 2, 3, 4, 5, 100 + i}});
  return asked;
}
constexpr std::uint64_t kShared = 5 * kBlockBytes, kAll = 6 * kBlockBytes;

Counts counts_of(const std::string& policy, std::int64_t ns_per_token, std::size_t turns = 20) {
  Bench bench(talk(turns), ns_per_token);
  bench.plan.fetch = *parse_fetch_policy(policy);
  return bench.once().counts;
}

std::uint64_t accounted(const Counts& c) {
  CHECK(c.unstored_bytes == c.unstored_refused_bytes + c.unstored_present_bytes + c.unstored_failed_bytes);
  return c.fetched_bytes + c.engine_bytes + c.unneeded_bytes + c.declined_bytes + c.stored_bytes + c.unstored_bytes;
}

double sum(const Repetition& r, std::initializer_list<Phase> phases) {
  double total = 0;
  for (const Phase phase : phases) total += r.phases[static_cast<std::size_t>(phase)].sum();
  return total;
}

double phases_of_ttft(const Repetition& r) {
  return sum(r, {Phase::queue, Phase::lookup, Phase::transfer_in, Phase::decode, Phase::upload, Phase::prefill});
}

}  // namespace

TEST_SUITE("fetch replay") {
  TEST_CASE("never: looks up and stores as always does, and recomputes every hit, which is declined") {
    const Counts always = counts_of("always", kSlow), never = counts_of("never", kSlow);
    CHECK(always.block_hits == 19 * 5);
    CHECK(always.declined_bytes + always.declined_requests + always.declined_token_hits == 0);
    CHECK(never.block_hits + never.fetched_bytes + never.requests_with_hit + never.uploaded_bytes == 0);
    CHECK(never.declined_requests == 19);
    CHECK(never.declined_block_hits == always.block_hits);
    CHECK(never.declined_token_hits == always.token_hits);
    CHECK(never.declined_bytes == 19 * kShared);
    CHECK(never.stored_bytes == always.stored_bytes);
    CHECK(never.unstored_bytes == 0);
    CHECK(accounted(never) == 20 * kAll);
    CHECK(never.judged_requests == 0);  // what a fetch would have taken is not known
    Bench bench(talk(20));
    bench.plan.fetch = *parse_fetch_policy("never");
    const Repetition r = bench.once();
    CHECK(r.ttft.sum() == r.ttft_baseline.sum() + sum(r, {Phase::lookup}));
    CHECK(r.saved_gpu_s == 0);
    CHECK(r.won_s == 0);
  }

  TEST_CASE("adaptive fetches everything where computing takes seconds, as always does") {
    const Counts adaptive = counts_of("adaptive", kSlow), always = counts_of("always", kSlow);
    CHECK(adaptive.block_hits == always.block_hits);
    CHECK(adaptive.fetched_bytes == always.fetched_bytes);
    CHECK(adaptive.explored_requests == 4);
    CHECK(adaptive.declined_requests == 0);
    CHECK(adaptive.judged_requests == 19);
    CHECK(adaptive.predicted_requests == 0);
    CHECK(adaptive.wrong_requests == 0);
    CHECK(adaptive.won_requests == 19);
    CHECK(adaptive.won_token_hits == 19 * 80);
  }

  TEST_CASE("adaptive declines where computing takes nothing, but for the first four and every 64th") {
    const Counts c = counts_of("adaptive", kFast, 150);
    CHECK(c.explored_requests == 4 + 2);  // of 149 hits four, then the 64th and 128th of 145
    CHECK(c.declined_requests == 143);
    CHECK(c.declined_token_hits == 143 * 80);
    CHECK(c.declined_bytes == 143 * kShared);
    CHECK(c.fetched_bytes == 6 * kShared);
    CHECK(accounted(c) == 150 * kAll);
    CHECK(c.judged_requests == 149);
    CHECK(c.predicted_requests == 143);
    CHECK(c.wrong_requests == 6);  // those that were fetched to learn
    CHECK(c.won_requests == 0);
  }

  TEST_CASE("regret of always is what a fetch takes beyond recomputing, exactly") {
    Bench bench(talk(10), kFast);
    const Repetition r = bench.once();
    CHECK(r.counts.judged_requests == 9);
    CHECK(r.counts.wrong_requests == 9);
    // Nine hits that leave 16 of 96 tokens: 80 + 16 ns with it, 96 ns without, so fetching is what is regretted.
    CHECK(r.regret.sum() == sum(r, {Phase::transfer_in, Phase::decode, Phase::upload}));
    CHECK(r.lost_s == doctest::Approx(1e-9 * (r.ttft.sum() - r.ttft_baseline.sum())));
    Bench slow(talk(10), kSlow);
    const Repetition won = slow.once();
    CHECK(won.regret.count() == 9);
    CHECK(won.regret.sum() == 0);
    CHECK(won.won_s - won.lost_s == doctest::Approx(1e-9 * (won.ttft_baseline.sum() - won.ttft.sum())));
  }

  TEST_CASE("a hedge without budget is lost where computing takes nothing: all bytes came late") {
    Bench bench(talk(10), kFast);
    bench.plan.fetch = *parse_fetch_policy("hedged:0ms");
    const Repetition r = bench.once();
    const Counts& c = r.counts;
    CHECK(c.hedges_started == 9);
    CHECK(c.hedges_recomputed == 9);
    CHECK(c.block_hits == 0);
    CHECK(c.declined_bytes == 9 * kShared);
    CHECK(c.late_bytes > 0);
    CHECK(c.late_bytes <= 9 * kShared);  // less where a fetch was given up
    CHECK(accounted(c) == 10 * kAll);
    CHECK(r.hedge_wasted_gpu_s == 0);
    CHECK(r.ttft.sum() == phases_of_ttft(r));
    CHECK(r.ttft.sum() == r.ttft_baseline.sum() + sum(r, {Phase::lookup}));  // nothing was waited for
    CHECK(r.regret.sum() == 0);
  }

  TEST_CASE("a hedge that waits in vain regrets its budget") {
    Bench bench(talk(10), kFast);
    bench.plan.fetch = *parse_fetch_policy("hedged:1ms");
    bench.backend.script.on_op = [](const Op& op, std::uint64_t) {
      if (op.kind == Op::Kind::get) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    };
    const Repetition r = bench.once();
    CHECK(r.counts.hedges_recomputed == 9);
    CHECK(r.regret.sum() == 9e6);
    CHECK(sum(r, {Phase::transfer_in}) == 9e6);
    CHECK(sum(r, {Phase::decode, Phase::upload}) == 0);
    CHECK(r.fetch_wall_s == doctest::Approx(9e-3));
    CHECK(r.ttft.sum() == phases_of_ttft(r));
    CHECK(r.counts.late_bytes < 9 * kShared);  // given up behind the first values
    CHECK(r.fetches.samples().empty());
  }

  TEST_CASE("a hedge that is never needed fetches as always does; one whose fetch is first wastes GPU time") {
    const Counts c = counts_of("hedged:1h", kSlow), always = counts_of("always", kSlow);
    CHECK(c.hedges_started + c.hedges_recomputed + c.declined_bytes + c.late_bytes == 0);
    CHECK(c.fetched_bytes == always.fetched_bytes);
    Bench bench(talk(10), kSlow);
    bench.plan.fetch = *parse_fetch_policy("hedged:0ms");
    bench.plan.gpus = 4;
    bench.plan.pp = 2;
    const Repetition r = bench.once();
    CHECK(r.counts.hedges_started == 9);
    CHECK(r.counts.hedges_recomputed == 0);
    CHECK(r.hedge_wasted_gpu_s == doctest::Approx(2 * r.fetch_wall_s));  // two GPUs a stage, from 0 to the fetch's end
    // 96 tokens at a second each, of which 80 are only a nanosecond: GPUs of one stage are spared 9 x 80 s.
    CHECK(r.saved_gpu_s == doctest::Approx(2 * 9 * 80.0).epsilon(1e-6));
  }

  TEST_CASE("with the engine's own cache in front only what is behind it is decided on") {
    for (const char* policy : {"never", "adaptive", "hedged:0ms"}) {
      CAPTURE(policy);
      Bench bench({{48, {1, 2, 3}}, {80, {1, 2, 3, 4, 5}}, {80, {1, 2, 3, 4, 5}}, {32, {8, 9}}}, kFast);
      bench.plan.engine_cache = Blocks(3);
      bench.plan.fetch = *parse_fetch_policy(policy);
      const Counts c = bench.once().counts;
      CHECK(c.engine_block_hits == 6);
      CHECK(c.engine_bytes == 6 * kBlockBytes);
      CHECK(c.declined_block_hits + c.block_hits == 2);
      CHECK(c.declined_bytes + c.fetched_bytes == 2 * kBlockBytes);
      CHECK(accounted(c) == c.input_tokens * kTokenBytes);
    }
  }

  TEST_CASE("windows: cuts between are looked at, and no byte is lost under any policy") {
    for (const char* policy : {"always", "never", "adaptive", "hedged:0ms", "hedged"}) {
      CAPTURE(policy);
      std::vector<BlockId> ids(12);
      for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = i;
      std::vector<Asked> asked(12, Asked{12 * 16, ids});
      Bench bench(asked, kFast, "gpt-oss-120b", 16);
      bench.plan.fetch = *parse_fetch_policy(policy);
      const Counts c = bench.once().counts;
      CHECK(accounted(c) == 12 * bench.geometry.stored_prefix(Tokens(192)).count());
      CHECK(c.block_hits + c.declined_block_hits == 11 * 12);
      CHECK(c.token_hits + c.declined_token_hits == 11 * 192);
    }
  }

  TEST_CASE("warm-up teaches an adaptive policy, and is not counted") {
    Bench bench(talk(20), kFast);
    bench.plan.fetch = *parse_fetch_policy("adaptive");
    bench.plan.warmup = 5;
    const Counts c = bench.once().counts;
    CHECK(c.explored_requests == 0);
    CHECK(c.declined_requests == 15);
    CHECK(c.judged_requests == 15);
  }

  TEST_CASE("a row's break-even: fixed part and rate of its fetches, the mean hit, the longest prompt") {
    Bench bench(talk(2), kSlow, "llama-3.1-8b");
    RunResult result;
    Repetition r;
    r.counts.requests = 10;
    r.counts.requests_with_hit = 4;
    r.counts.input_tokens = 10 * 96;
    r.counts.token_hits = 4 * 80;
    r.counts.uploaded_bytes = 3'350'000'000;
    r.counts.stored_bytes = 2000;
    r.counts.stored_value_bytes = 1000;
    constexpr std::uint64_t kToken = 131072;
    for (std::uint64_t n = 1; n <= 8; ++n) {  // 3 s and 100 ms a token
      r.fetches.add({n * 16 * kToken, std::chrono::seconds(3) + n * 16 * std::chrono::milliseconds(100)});
    }
    for (int i = 0; i < 10; ++i) r.phases[static_cast<std::size_t>(Phase::lookup)].record(std::chrono::seconds(1));
    result.repetitions.push_back(r);
    RowBreakEven row = row_break_even(bench.plan, result);
    CHECK(row.fetches == 8);
    REQUIRE(row.line.has_value());
    CHECK(row.line->fixed_s == doctest::Approx(4).epsilon(1e-3));  // the lookup's second included
    CHECK(1 / row.line->s_per_byte == doctest::Approx(10.0 * kToken));
    CHECK(row.reference == Tokens(80));
    CHECK(row.behind == Tokens(16));
    CHECK(row.limit == Tokens(96));
    CHECK(row.prefix == Tokens(16));  // a token takes a second to compute: 16 against 4 + 1.6
    CHECK(seconds(*row.reference_recompute) == doctest::Approx(80).epsilon(1e-6));
    CHECK(seconds(*row.reference_fetch) == doctest::Approx(4 + 8).epsilon(1e-3));
    // Half as many stored bytes as payload: 80 tokens in 80 s, or in 76.
    CHECK(row.needed->per_gpu_bytes_per_s == doctest::Approx(kToken / 2.0));
    CHECK(row.needed_behind_latency->per_gpu_bytes_per_s == doctest::Approx(80 * kToken / 2.0 / 76).epsilon(1e-3));
    CHECK(seconds(*row.decode_lost_gpu) == doctest::Approx(1e-3));

    r.fetches = {};
    for (std::uint64_t n = 1; n <= 8; ++n) {  // more than a second a token
      r.fetches.add({n * 16 * kToken, n * 16 * std::chrono::milliseconds(1100)});
    }
    result.repetitions[0] = r;
    row = row_break_even(bench.plan, result);
    CHECK(row.line.has_value());
    CHECK_FALSE(row.prefix.has_value());

    r.fetches = {};
    for (std::uint64_t n = 1; n <= 20; ++n) r.fetches.add({16 * kToken, std::chrono::milliseconds(n)});
    result.repetitions[0] = r;
    row = row_break_even(bench.plan, result);
    CHECK_FALSE(row.line.has_value());  // all of one size
    CHECK(row.fetches == 20);
    CHECK(row.needed.has_value());
  }

  TEST_CASE("scaled payloads have no break-even, and rows that served nothing none either") {
    Bench scaled(talk(20));
    CHECK_FALSE(scaled.run().break_even.line.has_value());
    CHECK_FALSE(scaled.run().break_even.decode_lost_gpu.has_value());
    Bench real(talk(1), kSlow, "llama-3.1-8b");
    const RowBreakEven row = real.run().break_even;
    CHECK(row.reference == Tokens(0));
    CHECK_FALSE(row.needed.has_value());
    CHECK(row.decode_lost_gpu == Duration(0));
  }

  TEST_CASE("a log of fetches keeps every one of few, and some of many from begin to end") {
    FetchLog log;
    for (std::uint64_t i = 1; i <= 100; ++i) log.add({i, Duration(1)});
    CHECK(log.samples().size() == 100);
    for (std::uint64_t i = 101; i <= 100'000; ++i) log.add({i, Duration(1)});
    CHECK(log.samples().size() <= FetchLog::kMost);
    CHECK(log.samples().size() >= FetchLog::kMost / 4);
    CHECK(log.samples().front().bytes == 1);
    CHECK(log.samples().back().bytes > 99'000);
    FetchLog both;
    for (int worker = 0; worker < 5; ++worker) both.merge(log);
    CHECK(both.samples().size() <= FetchLog::kMost);
  }
}
