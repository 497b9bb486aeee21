#include <doctest/doctest.h>

#include "backend/registry.hpp"
#include "replay/helper.hpp"
#include "replay/lock_step.hpp"
#include "replay/pipeline.hpp"
#include "support/replay_bench.hpp"

using namespace kv;
using namespace kv::test;

namespace {

double sum(const Repetition& r, std::initializer_list<Phase> phases) {
  double total = 0;
  for (const Phase phase : phases) total += r.phases[static_cast<std::size_t>(phase)].sum();
  return total;
}

/// Everything that must not depend on how values travel.
std::vector<std::uint64_t> exact(const Counts& c) {
  return {c.requests,       c.block_hits,         c.token_hits,     c.fetched_bytes,          c.stored_bytes,
          c.unstored_bytes, c.stored_value_bytes, c.uploaded_bytes, c.unstored_refused_bytes, c.unstored_present_bytes,
          c.failed_ops,     c.corrupt_values,     c.unneeded_bytes, c.unstored_failed_bytes,  c.engine_bytes};
}

std::uint64_t accounted(const Counts& c) {
  return c.fetched_bytes + c.engine_bytes + c.unneeded_bytes + c.stored_bytes + c.unstored_bytes;
}

const std::vector<Asked> kTalk = {{80, {1, 2, 3, 4, 5}}, {96, {1, 2, 3, 4, 5, 6}}, {96, {1, 2, 3, 4, 5, 6}}};

std::vector<Duration> ns(std::initializer_list<std::int64_t> times) {
  std::vector<Duration> out;
  for (const std::int64_t t : times) out.emplace_back(t);
  return out;
}

}  // namespace

TEST_SUITE("overlap") {
  TEST_CASE("a helper does piece after piece, and what it wrote is there after the wait") {
    Helper helper;
    std::uint64_t sum = 0;
    for (std::uint64_t i = 1; i <= 1000; ++i) {
      helper.begin([&sum, i] { sum += i; });
      helper.wait();
      REQUIRE(sum == i * (i + 1) / 2);
    }
    helper.wait();      // nothing under way
    { Helper unused; }  // ends without work
  }

  TEST_CASE("lock step by hand: the longer of the step and the copy beside it, one after the other") {
    // Transfers of 10, 20, 30; each decoded in the step after, copied in the one behind that.
    CHECK(lock_step(ns({10, 20, 30, 7}), ns({1, 2, 3}), 2) == Duration(10 + 20 + 30 + 7 + 3));
    CHECK(lock_step(ns({10, 20, 30, 7}), ns({40, 9, 3}), 2) == Duration(10 + 20 + 40 + 9 + 3));
    // Before it is encoded in step b, what is stored is downloaded beside step b - 1.
    CHECK(lock_step(ns({5, 20, 30}), ns({4, 6, 1}), -1) == Duration(4 + 6 + 20 + 30));
    CHECK(lock_step(ns({5}), ns({4}), -1) == Duration(9));
    CHECK(lock_step({}, {}, 2) == Duration(0));
    CHECK(lock_step({}, {}, -1) == Duration(0));
  }

  TEST_CASE("overlap on or off: the same hits, bytes and errors, whatever goes wrong") {
    using Setup = void (*)(Bench&);
    const Setup kSetups[] = {[](Bench&) {},
                             [](Bench& b) { b.plan.window = Bytes(8 * kBlockBytes); },  // two values a step
                             [](Bench& b) { b.backend.script.failing_gets = {3}; },
                             [](Bench& b) {
                               b.backend.script.failing_puts = {1, 6};
                             },
                             [](Bench& b) { b.backend.script.refused = {2}; },
                             [](Bench& b) { b.plan.engine_cache = Blocks(2); },
                             [](Bench& b) { b.plan.warmup = 1; },
                             [](Bench& b) {
                               b.backend.script.on_put = [](std::vector<std::byte>&, std::vector<std::byte>& body) {
                                 body[body.size() / 2] ^= std::byte{1};
                               };
                             }};
    for (const Setup& setup : kSetups) {
      std::vector<std::vector<std::uint64_t>> seen;
      for (const Overlap overlap : {Overlap::off, Overlap::on}) {
        Bench bench(kTalk);
        bench.plan.overlap = overlap;
        setup(bench);
        const RunResult result = bench.run();
        CHECK(result.overlaps == (overlap == Overlap::on));
        const Counts c = result.repetitions[0].counts;
        CHECK(accounted(c) == c.input_tokens * kTokenBytes);
        CHECK(c.verified_bytes >= c.fetched_bytes);
        seen.push_back(exact(c));
      }
      if (seen[0][11] == 0) CHECK(seen[0] == seen[1]);
      if (seen[0][11] != 0) CHECK(seen[0][1] == seen[1][1]);  // of corrupt values a step more may be fetched
    }
  }

  TEST_CASE("models with windows and states, both layouts, one rank and two: overlap changes nothing") {
    for (const char* name : {"gpt-oss-120b", "qwen3.5-27b", "tiny"}) {
      Model model = *find_model(name);
      model.linear_state = Bytes(model.linear_layers * 65536);  // real ones are 3 MB a layer
      for (const KvLayout layout : {KvLayout::block, KvLayout::layer}) {
        for (const std::uint32_t tp : {1U, 2U}) {
          std::vector<std::vector<std::uint64_t>> seen;
          std::vector<std::uint64_t> ops;
          for (const Overlap overlap : {Overlap::off, Overlap::on}) {
            CAPTURE(name);
            Bench bench({{80, {1, 2, 3, 4, 5}}, {80, {1, 2, 3, 4, 5}}}, kSlow, name);
            KvOptions options;
            options.layout = layout;
            options.tp = tp;
            bench.geometry = *KvGeometry::make(model, options, Tokens(kBlockTokens));
            bench.plan.overlap = overlap;
            bench.plan.window = 64_KiB;
            const Counts c = bench.once().counts;
            CHECK(c.block_hits == 5);
            CHECK(c.corrupt_values == 0);
            CHECK(c.stored_bytes == bench.geometry.stored_prefix(Tokens(80)).count());
            CHECK(c.fetched_bytes == bench.geometry.moved_prefix(Tokens(80)).count());
            seen.push_back(exact(c));
            ops.push_back(c.ops);
          }
          CHECK(seen[0] == seen[1]);
          CHECK(ops[0] == ops[1]);
        }
      }
    }
  }

  TEST_CASE("a value that is gone ends the hit in front of it, in either layout, and what is in front is complete") {
    for (const KvLayout layout : {KvLayout::block, KvLayout::layer}) {
      for (const Overlap overlap : {Overlap::off, Overlap::on}) {
        Bench bench(kTalk, kSlow, "tiny");
        KvOptions options;
        options.layout = layout;
        bench.geometry = *KvGeometry::make(*find_model("tiny"), options, Tokens(kBlockTokens));
        bench.plan.overlap = overlap;
        bench.backend.script.failing_gets = {3};
        const Counts c = bench.once().counts;
        CHECK(c.block_hits == 2 * 2);
        CHECK(c.fetched_bytes == 2 * 2 * bench.geometry.max_block().count());
        CHECK(c.verified_bytes >= c.fetched_bytes);
        CHECK(c.failed_ops >= 2);
        CHECK(accounted(c) == bench.geometry.stored_prefix(Tokens(c.input_tokens)).count());
      }
    }
  }

  TEST_CASE("without overlap the wall time is the sum of the phases; with it TTFT counts the wall time") {
    for (const Overlap overlap : {Overlap::off, Overlap::on}) {
      Bench bench(kTalk);
      bench.plan.overlap = overlap;
      const Repetition r = bench.once();
      const double fetch = sum(r, {Phase::transfer_in, Phase::decode, Phase::upload});
      const double store = sum(r, {Phase::download, Phase::encode, Phase::transfer_out});
      if (overlap == Overlap::off) {
        CHECK(r.fetch_wall_s == doctest::Approx(1e-9 * fetch));
        CHECK(r.store_wall_s == doctest::Approx(1e-9 * store));
      }
      CHECK(1e-9 * r.ttft.sum() ==
            doctest::Approx(1e-9 * sum(r, {Phase::queue, Phase::lookup, Phase::prefill}) + r.fetch_wall_s));
      CHECK(r.fetch_wall_s >= r.fetch_s);
      CHECK(r.store_wall_s >= r.store_s);
      CHECK(r.busy_s == doctest::Approx(1e-9 * r.ttft.sum() + r.store_wall_s));
      // Modelled copies are the same sum, however they are cut into steps.
      CHECK(sum(r, {Phase::upload}) == static_cast<double>((modelled_upload(bench.plan.gpu, 1, Bytes(5 * kBlockBytes)) +
                                                            modelled_upload(bench.plan.gpu, 1, Bytes(6 * kBlockBytes)))
                                                               .count()));
    }
  }

  TEST_CASE("auto: where the codec has work to do, and a core a thread") {
    Bench bench(kTalk);
    const auto raw = (*parse_codec("raw")).make(), pure = (*parse_codec("fp16")).make();
    KvOptions options;
    options.dtype = Dtype::fp32;
    bench.geometry = *KvGeometry::make(*find_model("tiny"), options, Tokens(kBlockTokens));
    CHECK_FALSE(Pipeline::overlaps(bench.plan, **raw));
    CHECK(Pipeline::overlaps(bench.plan, **pure));
    options.layout = KvLayout::layer;
    bench.geometry = *KvGeometry::make(*find_model("tiny"), options, Tokens(kBlockTokens));
    CHECK(Pipeline::overlaps(bench.plan, **raw));
    bench.plan.workers = 1024;
    CHECK_FALSE(Pipeline::overlaps(bench.plan, **pure));
    bench.plan.overlap = Overlap::on;
    CHECK(Pipeline::overlaps(bench.plan, **raw));
    bench.plan.overlap = Overlap::off;
    CHECK_FALSE(Pipeline::overlaps(bench.plan, **pure));
  }

  TEST_CASE("local: and device-like arenas hold 640 values a block, and give them back whole") {
    Bench bench({{48, {1, 2, 3}}, {64, {1, 2, 3, 4}}});
    KvOptions options;
    options.layout = KvLayout::layer;
    options.tp = 8;
    options.bytes_per_token = 1280;
    bench.geometry = *KvGeometry::make(*find_model("llama-3.1-70b"), options, Tokens(kBlockTokens));
    REQUIRE(bench.geometry.parts().size() == 640);
    for (const Overlap overlap : {Overlap::off, Overlap::on}) {
      bench.plan.overlap = overlap;
      auto local = parse_backend("local:?capacity_blocks=4").and_then(make_backend);
      REQUIRE(local.has_value());
      const auto result = replay(**local, bench.plan, bench.control);
      REQUIRE(result.has_value());
      const Counts& c = result->repetitions[0].counts;
      CHECK(c.block_hits == 3);
      CHECK(c.insertions == 4);
      CHECK(c.fetched_bytes == 48 * 1280);
      CHECK(c.stored_bytes == 64 * 1280);
      CHECK(c.corrupt_values == 0);
    }
  }
}
