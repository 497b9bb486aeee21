#include "replay/replay.hpp"

#include <doctest/doctest.h>

#include "support/replay_bench.hpp"

using namespace kv;
using namespace kv::test;

namespace {

/// Two turns of one conversation, the second asked twice, and a stranger.
const std::vector<Asked> kTalk = {{48, {1, 2, 3}}, {80, {1, 2, 3, 4, 5}}, {80, {1, 2, 3, 4, 5}}, {32, {8, 9}}};

double sum(const Repetition& r, std::initializer_list<Phase> phases) {
  double total = 0;
  for (const Phase phase : phases) total += r.phases[static_cast<std::size_t>(phase)].sum();
  return total;
}

std::uint64_t accounted(const Counts& c) {
  CHECK(c.unstored_bytes == c.unstored_refused_bytes + c.unstored_present_bytes + c.unstored_failed_bytes);
  return c.fetched_bytes + c.engine_bytes + c.unneeded_bytes + c.stored_bytes + c.unstored_bytes;
}

}  // namespace

TEST_SUITE("replay") {
  TEST_CASE("hits and bytes of a talk, counted by hand") {
    const Counts c = Bench(kTalk).once().counts;
    CHECK(c.requests == 4);
    CHECK(c.block_refs == 15);
    CHECK(c.block_hits == 3 + 5);
    CHECK(c.token_hits == 48 + 80);
    CHECK(c.input_tokens == 240);
    CHECK(c.requests_with_hit == 2);
    CHECK(c.stored_bytes == (48 + 32 + 32) * kTokenBytes);  // 1 2 3, then 4 5, then 8 9
    CHECK(c.fetched_bytes == (48 + 80) * kTokenBytes);      // 1 2 3, then all five
    CHECK(c.verified_bytes == c.fetched_bytes);
  }

  TEST_CASE("TTFT is queue, lookup, fetch and prefill; storing is outside it and is the store lag") {
    const Repetition r = Bench(kTalk).once();
    CHECK(r.ttft.sum() ==
          sum(r, {Phase::queue, Phase::lookup, Phase::transfer_in, Phase::decode, Phase::upload, Phase::prefill}));
    CHECK(r.store_lag.count() == 3);  // the third request stores nothing
    CHECK(r.store_lag.sum() <= sum(r, {Phase::download, Phase::encode, Phase::transfer_out}));
    CHECK(r.busy_s ==
          doctest::Approx(1e-9 * (r.ttft.sum() + sum(r, {Phase::download, Phase::encode, Phase::transfer_out}))));
    CHECK(r.store_s == doctest::Approx(1e-9 * sum(r, {Phase::encode, Phase::transfer_out})));
    CHECK(r.fetch_s == doctest::Approx(1e-9 * sum(r, {Phase::transfer_in, Phase::decode})));
    CHECK(r.phases[static_cast<std::size_t>(Phase::transfer_in)].count() == 2);
    CHECK(r.phases[static_cast<std::size_t>(Phase::lookup)].count() == 4);
    CHECK(r.wall_s > 0);
  }

  TEST_CASE("prefill is of the tokens that are not there, one at least; the baseline's of all") {
    const Repetition r = Bench(kTalk).once();
    // fresh: 48, 80 - 48, 1 of 80, 32; cached: 0, 48, 79, 0
    CHECK(sum(r, {Phase::prefill}) == (48 + 32 + 1 + 32) * kSlow + 48 + 79);
    CHECK(r.ttft_baseline.sum() == 240.0 * kSlow);
  }

  TEST_CASE("upload and download are modelled on the plan's GPU, from the bytes that move") {
    Bench bench({{32, {1, 2}}, {32, {1, 2}}});
    const Repetition r = bench.once();
    const Duration each = modelled_upload(bench.plan.gpu, 1, Bytes(2 * kBlockBytes));
    CHECK(sum(r, {Phase::upload}) == static_cast<double>(each.count()));
    CHECK(sum(r, {Phase::download}) == static_cast<double>(each.count()));
  }

  TEST_CASE("with an engine cache the backend serves what is behind it, and the baseline has it as well") {
    Bench bench(kTalk);
    bench.plan.engine_cache = Blocks(3);  // of 1 2 3, all are there in the second request; 1 2 3 again in the third
    const Repetition r = bench.once();
    const Counts& c = r.counts;
    CHECK(c.engine_block_hits == 3 + 3);
    CHECK(c.block_hits == 2);  // 4 and 5 in the third request
    CHECK(c.token_hits == 32);
    CHECK(c.engine_token_hits == 96);
    CHECK(c.engine_bytes == 96 * kTokenBytes);
    CHECK(c.fetched_bytes == 32 * kTokenBytes);
    CHECK(accounted(c) == c.input_tokens * kTokenBytes);
    CHECK(r.ttft_baseline.sum() == (48 + 32 + 32 + 32) * kSlow + 48.0 + 48);
    CHECK(sum(r, {Phase::prefill}) == (48 + 32 + 1 + 32) * kSlow + 48.0 + 79);
  }

  TEST_CASE("a model with windows fetches full attention of all blocks and the window's last ones; no byte is lost") {
    for (const std::uint64_t block_tokens : {16, 256}) {  // the window of 128 spans blocks, or fits into one
      CAPTURE(block_tokens);
      const std::uint64_t n = 12 * block_tokens;
      std::vector<BlockId> ids(12);
      for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = i;
      if (block_tokens == 256) ids.resize(3);
      const std::uint64_t tokens = std::min<std::uint64_t>(n, ids.size() * block_tokens);
      Bench bench({{tokens, ids}, {tokens, ids}}, kSlow, "gpt-oss-120b", block_tokens);
      const Counts c = bench.once().counts;
      CHECK(c.fetched_bytes == bench.geometry.moved_prefix(Tokens(tokens)).count());
      CHECK(c.stored_bytes == bench.geometry.stored_prefix(Tokens(tokens)).count());
      CHECK(c.unneeded_bytes == c.stored_bytes - c.fetched_bytes);
      CHECK(c.unneeded_bytes > 0);
      CHECK(accounted(c) == 2 * c.stored_bytes);
    }
  }

  TEST_CASE("warm-up fills the cache and is not measured") {
    Bench bench(kTalk);
    bench.plan.warmup = 2;
    const Repetition r = bench.once();
    CHECK(r.counts.requests == 2);
    CHECK(r.counts.block_hits == 5);
    CHECK(r.counts.input_tokens == 112);
    CHECK(r.ttft.count() == 2);
    CHECK(accounted(r.counts) == 112 * kTokenBytes);
  }

  TEST_CASE("what goes wrong in warm-up is counted") {
    Bench bench(kTalk);
    bench.plan.warmup = 4;
    bench.backend.script.failing_gets = {2};
    const RunResult result = bench.run();
    CHECK(result.repetitions[0].counts.requests == 0);
    CHECK(result.repetitions[0].counts.failed_ops == 2);
    CHECK(result.repetitions[0].counts.ops > 2);
    CHECK(result.error_examples.size() == 2);
  }

  TEST_CASE("a fetch that fails is counted and named, and the request recomputed from there") {
    Bench bench({{48, {1, 2, 3}}, {48, {1, 2, 3}}});
    bench.backend.script.failing_gets = {2};
    const RunResult result = bench.run();
    const Counts& c = result.repetitions[0].counts;
    CHECK(c.failed_ops == 1);
    CHECK(c.failed_requests == 0);
    CHECK(c.block_hits == 1);
    CHECK(sum(result.repetitions[0], {Phase::prefill}) == (48 + 32) * kSlow + 16.0);
    CHECK(c.unstored_present_bytes == 2 * kBlockBytes);
    CHECK(accounted(c) == 96 * kTokenBytes);
    REQUIRE(result.error_examples.size() == 1);
    CHECK(result.error_examples[0] == "block 2, part 0: fetch failed: the line is dead");
  }

  TEST_CASE("a value that comes back changed, or as another dtype, is corrupt and named") {
    const auto dtype_in_header = [](std::vector<std::byte>& header, std::vector<std::byte>&) {
      const std::span<std::byte, ValueHeader::kBytes> bytes(header.data(), ValueHeader::kBytes);
      auto read = *read_header(bytes);
      read.dtype = static_cast<std::uint8_t>(Dtype::fp16);
      write_header(read, bytes);
    };
    const auto bit_in_body = [](std::vector<std::byte>&, std::vector<std::byte>& body) { body[100] ^= std::byte{1}; };
    for (const bool body : {false, true}) {
      Bench bench({{16, {7}}, {16, {7}}});
      if (body) bench.backend.script.on_put = bit_in_body;
      if (!body) bench.backend.script.on_put = dtype_in_header;
      const RunResult result = bench.run();
      CHECK(result.repetitions[0].counts.corrupt_values == 1);
      CHECK(result.repetitions[0].counts.block_hits == 0);
      REQUIRE(result.error_examples.size() == 1);
      CHECK(result.error_examples[0].find("block 7, part 0: corrupt value: ") == 0);
    }
  }

  TEST_CASE("bytes that are not stored are told apart: refused, failed, and there but not served") {
    Bench bench({{48, {1, 2, 3}}, {48, {1, 2, 3}}});
    bench.backend.script.refused = {2};
    Counts c = bench.once().counts;
    CHECK(c.unstored_refused_bytes == 2 * kBlockBytes);
    CHECK(c.unstored_present_bytes == kBlockBytes);  // block 3 of the second request, behind the gap
    CHECK(accounted(c) == 96 * kTokenBytes);
    bench.backend.script = {};
    bench.backend.script.failing_puts = {3};
    c = bench.once().counts;
    CHECK(c.unstored_failed_bytes == 2 * kBlockBytes);
    CHECK(c.failed_ops == 2);
    bench.backend.script = {};
    bench.backend.script.lookup_fails = true;
    c = bench.once().counts;
    CHECK(c.unstored_failed_bytes == 6 * kBlockBytes);
    CHECK(c.failed_ops == 2);
  }

  TEST_CASE("slower requests: those with nothing to find, and how much the others found") {
    Bench bench({{48, {1, 2, 3}}, {16, {1}}, {32, {1, 2}}}, kFast);
    CHECK(bench.once().counts.slower_requests == 3);
    CHECK(bench.once().counts.slower_without_hit == 1);
    CHECK(bench.once().counts.slower_most_token_hits == 32);
    const Counts c = Bench({{48, {1, 2, 3}}, {16, {1}}, {32, {1, 2}}}, kSlow).once().counts;
    CHECK(c.slower_requests == 0);
    CHECK(c.slower_most_token_hits == 0);
  }

  TEST_CASE("a request that was stopped before it was whole is no sample, but its errors count") {
    for (const bool in_fetch : {true, false}) {
      CAPTURE(in_fetch);
      Bench bench({{48, {1, 2, 3}}, {80, {1, 2, 3, 4, 5}}, {16, {9}}});
      bench.backend.script.on_op = [&](const Op& op, std::uint64_t block) {
        if (block == (in_fetch ? 2 : 4) && op.kind == (in_fetch ? Op::Kind::get : Op::Kind::put)) {
          bench.control.stop = true;
          bench.backend.script.failing_gets = bench.backend.script.failing_puts = {block};
        }
      };
      const Repetition r = bench.once();
      CHECK(r.interrupted);
      CHECK(r.counts.requests == 1);
      CHECK(r.ttft.count() == 1);
      CHECK(r.counts.block_hits == 0);
      CHECK(r.counts.failed_ops == 1);
      CHECK(accounted(r.counts) == 48 * kTokenBytes);
    }
  }

  TEST_CASE("what a repetition could not remove is no hit of the next, and is warned of") {
    Bench bench(kTalk);
    bench.plan.repetitions = 3;
    bench.backend.script.clear_fails = true;
    const RunResult result = bench.run();
    REQUIRE(result.repetitions.size() == 3);
    for (const Repetition& r : result.repetitions) {
      CHECK(r.counts.block_hits == 8);
      CHECK(r.counts.stored_bytes == (48 + 32 + 32) * kTokenBytes);
      CHECK(r.counts.corrupt_values == 0);
    }
    REQUIRE(result.warnings.size() == 3);
    CHECK(result.warnings[0].find("what repetition 1 stored could not be removed") == 0);
    CHECK(result.warnings[2].find("keys of this run (name space run) could not be removed") == 0);
    bench.backend.script.clear_fails = false;
    CHECK(bench.run().warnings.empty());
  }

  TEST_CASE("counters that the backend does not tell are unknown, not 0") {
    Bench bench(kTalk);
    CHECK(bench.once().counts.insertions == 0);
    CHECK(bench.once().counts.wire_in_bytes == 0);
    bench.backend.script.stats_fail = true;
    const RunResult result = bench.run();
    CHECK_FALSE(result.repetitions[0].counts.insertions.has_value());
    CHECK_FALSE(result.repetitions[0].counts.wire_in_bytes.has_value());
    CHECK_FALSE(result.repetitions[0].counts.wire_out_bytes.has_value());
    CHECK(result.warnings.size() == 1);
  }

  TEST_CASE("of many errors eight are named in all, over all repetitions") {
    Bench bench({{16, {1}}, {16, {2}}, {16, {3}}, {16, {4}}, {16, {5}}});
    bench.plan.repetitions = 4;
    bench.backend.script.lookup_fails = true;
    const RunResult result = bench.run();
    CHECK(result.repetitions[3].counts.failed_ops == 5);
    CHECK(result.error_examples.size() == 8);
  }

  TEST_CASE("what the harness takes is measured with null:, on the plan's own requests") {
    Bench bench(kTalk);
    bench.plan.warmup = 3;
    const auto overhead = harness_overhead(bench.plan, 4);
    REQUIRE(overhead.has_value());
    CHECK(overhead->count() > 0);
  }
}
