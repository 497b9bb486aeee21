#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "backend/registry.hpp"
#include "base/random.hpp"
#include "engine/logits.hpp"
#include "replay/engine_side.hpp"
#include "replay/replay.hpp"
#include "support/replay_bench.hpp"
#include "support/small_engine.hpp"

using namespace kv;

namespace {

constexpr std::uint64_t kBlock = 16;

/// A plan over a small engine with random weights. Empty where LibTorch is missing.
struct EngineBench {
  explicit EngineBench(const std::vector<test::Asked>& requests, KvLayout layout = KvLayout::block,
                       const char* codec = "raw", Dtype dtype = Dtype::bf16) {
    EngineConfig config = test::small_engine_config(500, Tokens(200), dtype);
    config.chunk = Tokens(32);
    engine = test::engine_or_say(config);
    if (!engine) return;
    WorkloadBuilder builder;
    for (const auto& r : requests) REQUIRE(builder.add(Duration(0), Tokens(r.tokens), Tokens(1), r.blocks));
    workload = std::move(builder).build(Tokens(kBlock));
    KvOptions options;
    options.dtype = dtype;
    options.layout = layout;
    geometry = *KvGeometry::make(engine->model(), options, Tokens(kBlock));
    plan.workload = &workload;
    plan.geometry = &*geometry;
    plan.prefill = &prefill;
    plan.engine = engine.get();
    plan.gpu = *find_gpu("h100");
    plan.codec = *parse_codec(codec);
    plan.check_logits = 100;
  }

  RunResult run(const char* backend = "local:?capacity=16MiB") {
    auto made = parse_backend(backend).and_then(make_backend);
    REQUIRE(made);
    auto result = replay(**made, plan, control);
    REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message));
    return *result;
  }

  test::CountedPrefill prefill{1};
  std::unique_ptr<Engine> engine;
  Workload workload;
  std::optional<KvGeometry> geometry;
  ReplayPlan plan;
  ReplayControl control;
};

const std::vector<test::Asked> kChat{{100, {1, 2, 3, 4, 5, 6, 7}}, {130, {1, 2, 3, 4, 5, 6, 17, 18, 19}},
                                     {60, {31, 32, 33, 34}},       {130, {1, 2, 3, 4, 5, 6, 17, 18, 20}},
                                     {64, {31, 32, 33, 35}},       {64, {31, 32, 33, 35}}};

std::uint64_t phase_count(const Repetition& r, Phase phase) {
  return r.phases[static_cast<std::size_t>(phase)].count();
}

/// One request of four blocks, of which the first three were stored before: what a pipeline does, with a hand in it.
class Restored {
 public:
  explicit Restored(EngineBench& bench) : bench_(bench), codec_(*bench.plan.codec.make()), side_(bench.plan, *codec_) {
    store(0);
  }

  using Value = EngineSide::Value;
  using Bytes = std::vector<std::byte>;

  /// `plant` may change where a value goes or what it is.
  template <class Plant>
  LogitFindings restore(Plant plant) {
    REQUIRE(side_.begin(bench_.workload[1], 0));
    std::size_t index = 0;
    for (const auto& [value, payload] : values_) {
      if (value.block >= 3) continue;
      Value at = value;
      Bytes bytes = payload;
      plant(index++, at, bytes);
      REQUIRE(side_.upload(at, bytes));
    }
    REQUIRE(side_.compute(3));
    REQUIRE(side_.recompute());
    return *side_.findings();
  }

 private:
  void store(std::size_t request) {
    REQUIRE(side_.begin(bench_.workload[request], 0));
    REQUIRE(side_.compute(0));
    for (std::size_t block = 0; block < 4; ++block) {
      for (std::size_t part = 0; part < bench_.geometry->parts().size(); ++part) {
        const PayloadShape shape = bench_.geometry->parts()[part].shape(Tokens(block * kBlock), Tokens(kBlock));
        const Value value{block, part, shape};
        Bytes payload(shape.bytes().count());
        REQUIRE(side_.download(value, payload));
        side_.stored(value, payload);
        values_.push_back({value, payload});
      }
    }
    REQUIRE(side_.recompute());
  }

  EngineBench& bench_;
  std::unique_ptr<Codec> codec_;
  EngineSide side_;
  std::vector<std::pair<Value, Bytes>> values_;
};

const std::vector<test::Asked> kTwice{{64, {1, 2, 3, 4}}, {64, {1, 2, 3, 4}}};

/// Nothing where LibTorch is missing.
template <class Plant>
std::optional<LogitFindings> planted(Plant plant, KvLayout layout = KvLayout::block) {
  EngineBench bench(kTwice, layout);
  if (!bench.engine) return std::nullopt;
  return Restored(bench).restore(plant);
}

}  // namespace

TEST_SUITE("measured engine") {
  TEST_CASE("every phase of a request is measured, and what comes back is what was stored") {
    for (const Dtype dtype : {Dtype::bf16, Dtype::fp32, Dtype::fp16}) {
      EngineBench bench(kChat, KvLayout::block, "raw", dtype);
      if (!bench.engine) return;
      const RunResult result = bench.run();
      CHECK(result.prefill_provenance == "measured");
      CHECK(result.upload_provenance == "measured");
      CHECK(result.prefill_device == bench.engine->info().device);
      REQUIRE(result.repetitions.size() == 1);
      const Repetition& r = result.repetitions.front();
      CHECK(r.counts.requests == kChat.size());
      CHECK(r.counts.block_hits == 6 + 8 + 3 + 4);
      CHECK(r.counts.failed_requests + r.counts.failed_ops + r.counts.corrupt_values == 0);
      CHECK(r.counts.verified_bytes == r.counts.fetched_bytes);
      CHECK(r.counts.uploaded_bytes == r.counts.fetched_bytes);
      CHECK(phase_count(r, Phase::prefill) == kChat.size());
      CHECK(phase_count(r, Phase::upload) == 4);
      CHECK(phase_count(r, Phase::download) == 5);  // the last request finds all its blocks
      REQUIRE(r.logits);
      CHECK(r.logits->lossless);
      CHECK(r.logits->requests == 4);
      CHECK(r.logits->identical == 4);
      CHECK(r.logits->misplaced_pieces == 0);
      CHECK(r.logits->beyond_bound == 0);
      CHECK(r.logits->most_from_unstored == 0);
      CHECK(r.logits->hold());
    }
  }

  TEST_CASE("layer by layer, and with an engine cache of its own, it is the same") {
    EngineBench layers(kChat, KvLayout::layer);
    if (!layers.engine) return;
    const Repetition by_layer = layers.run().repetitions.at(0);
    CHECK(by_layer.logits->requests == 4);
    CHECK(by_layer.logits->hold());
    EngineBench cached(kChat);
    cached.plan.engine_cache = Blocks(10);
    const Repetition r = cached.run().repetitions.at(0);
    CHECK(r.counts.engine_block_hits > 0);
    CHECK(r.counts.block_hits > 0);
    CHECK(r.logits->requests > 0);
    CHECK(r.logits->hold());
    CHECK(r.counts.corrupt_values == 0);
  }

  TEST_CASE("a lossy codec moves logits, claims nothing, and is held to its own values") {
    for (const char* codec : {"fp8", "int8+zstd:3", "zstd:3"}) {
      CAPTURE(codec);
      EngineBench bench(kChat, KvLayout::block, codec);
      if (!bench.engine) return;
      const Repetition r = bench.run().repetitions.at(0);
      CHECK(r.counts.corrupt_values == 0);
      REQUIRE(r.logits);
      const bool lossless = std::string(codec) == "zstd:3";
      CHECK(r.logits->lossless == lossless);
      CHECK((r.logits->most_from_unstored > 0) == !lossless);
      CHECK(r.logits->misplaced_pieces == 0);
      CHECK(r.logits->hold());
    }
  }

  TEST_CASE("what the engine cannot serve is refused before anything is measured") {
    EngineBench bench(kChat);
    if (!bench.engine) return;
    const auto refused = [&](const ReplayPlan& plan) {
      const auto fits = check_engine_fits(plan);
      return fits ? std::string("fits") : fits.error().message;
    };
    CHECK(refused(bench.plan) == "fits");
    ReplayPlan plan = bench.plan;
    plan.workers = 2;
    CHECK(refused(plan).find("one request at a time") != std::string::npos);
    plan = bench.plan;
    KvOptions options;
    options.tp = 2;
    const KvGeometry two = *KvGeometry::make(bench.engine->model(), options, Tokens(kBlock));
    plan.geometry = &two;
    CHECK(refused(plan).find("one rank") != std::string::npos);
    options = {};
    options.dtype = Dtype::fp32;
    const KvGeometry wide = *KvGeometry::make(bench.engine->model(), options, Tokens(kBlock));
    plan.geometry = &wide;
    CHECK(refused(plan).find("real size") != std::string::npos);
    EngineBench longer({{201, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}}});
    CHECK(refused(longer.plan).find("request 1 has 201 tokens") != std::string::npos);
  }

  TEST_CASE("warm-up, repetitions, a hedge that wins and one that loses: the check holds in each") {
    EngineBench bench(kChat);
    if (!bench.engine) return;
    bench.plan.warmup = 1;
    bench.plan.repetitions = 2;
    const RunResult twice = bench.run();
    REQUIRE(twice.repetitions.size() == 2);
    for (const Repetition& r : twice.repetitions) {
      CHECK(r.counts.requests == kChat.size() - 1);
      CHECK(r.logits->requests == 4);
      CHECK(r.logits->hold());
    }
    EngineBench patient(kChat);
    patient.plan.fetch = *parse_fetch_policy("hedged:1h");
    const Repetition won = patient.run().repetitions.at(0);
    CHECK(won.counts.hedges_recomputed == 0);
    CHECK(won.logits->requests == 4);
    CHECK(won.logits->hold());
    EngineBench hasty(kChat);
    hasty.plan.fetch = *parse_fetch_policy("hedged:1ns");
    const Repetition lost = hasty.run().repetitions.at(0);
    CHECK(lost.counts.corrupt_values == 0);
    CHECK(lost.logits->hold());
  }

  TEST_CASE("prompts of one token, and one that the engine's own cache has whole") {
    EngineBench bench({{1, {1}}, {2, {2}}, {64, {11, 12, 13, 14}}, {64, {11, 12, 13, 14}}, {1, {1}}});
    if (!bench.engine) return;
    CHECK(bench.run().repetitions.at(0).logits->hold());
    bench.plan.engine_cache = Blocks(20);
    const Repetition r = bench.run().repetitions.at(0);
    CHECK(r.counts.engine_block_hits == 5);
    CHECK(r.counts.requests == 5);
    CHECK(r.counts.failed_requests == 0);
  }

  TEST_CASE("a replay that is stopped finds nothing misplaced") {
    EngineBench bench(kChat);
    if (!bench.engine) return;
    bench.control.stop = true;
    const RunResult result = bench.run();
    for (const Repetition& r : result.repetitions) CHECK(r.logits->hold());
  }

  TEST_CASE("a check of more requests than there are checks all that it can") {
    EngineBench bench(kChat);
    if (!bench.engine) return;
    bench.plan.check_logits = ~0ULL;
    CHECK(bench.run().repetitions.at(0).logits->requests == 4);
    bench.plan.check_logits = 1;
    CHECK(bench.run().repetitions.at(0).logits->requests == 1);
  }

  TEST_CASE("a device: backend ends in the engine's KV, too") {
    EngineBench bench(kChat);
    if (!bench.engine) return;
    const RunResult result = bench.run("device:?capacity=16MiB");
    CHECK(result.upload_provenance == "measured");
    const Repetition& r = result.repetitions.at(0);
    CHECK(phase_count(r, Phase::upload) == 4);
    CHECK(r.logits->requests == 4);
    CHECK(r.logits->hold());
  }
}

TEST_SUITE("reuse of KV") {
  using Value = EngineSide::Value;
  using Payload = std::vector<std::byte>;

  TEST_CASE("without an error the check holds") {
    EngineBench bench(kTwice);
    if (!bench.engine) return;
    const LogitFindings f = Restored(bench).restore([](std::size_t, Value&, Payload&) {});
    CHECK(f.requests == 1);
    CHECK(f.identical == 1);
    CHECK(f.hold());
  }

  TEST_CASE("the value of another block fails") {
    // Its place is that of the block behind: off by one.
    const auto f = planted([](std::size_t index, Value& at, Payload&) { at.block += index == 2 ? 1 : 0; });
    if (!f) return;
    CHECK_FALSE(f->hold());
    CHECK(f->misplaced_pieces > 0);
  }

  TEST_CASE("swapped blocks fail") {
    const auto f = planted([](std::size_t index, Value& at, Payload&) {
      if (index < 2) at.block = 1 - index;
    });
    if (!f) return;
    CHECK(f->identical == 0);
    CHECK_FALSE(f->hold());
    CHECK(f->misplaced_pieces > 0);
  }

  TEST_CASE("K and V swapped fail") {
    const auto f = planted([](std::size_t, Value&, Payload& bytes) {
      // [layers][planes]: the halves of each layer.
      const auto layer = static_cast<std::ptrdiff_t>(bytes.size() / 2), plane = layer / 2;
      for (std::ptrdiff_t at = 0; at < 2 * layer; at += layer) {
        std::swap_ranges(bytes.begin() + at, bytes.begin() + at + plane, bytes.begin() + at + plane);
      }
    });
    if (!f) return;
    CHECK(f->identical == 0);
    CHECK(f->beyond_bound == 1);
    CHECK_FALSE(f->hold());
    CHECK(f->misplaced_pieces > 0);
  }

  TEST_CASE("positions off by one token fail") {
    const auto f = planted([](std::size_t, Value& at, Payload& bytes) {
      const auto plane = static_cast<std::ptrdiff_t>(bytes.size() / 4);
      const auto token = plane / static_cast<std::ptrdiff_t>(at.shape.tokens);
      for (std::ptrdiff_t first = 0; first < 4 * plane; first += plane) {
        std::rotate(bytes.begin() + first, bytes.begin() + first + token, bytes.begin() + first + plane);
      }
    });
    if (!f) return;
    CHECK(f->identical == 0);
    CHECK_FALSE(f->hold());
    CHECK(f->misplaced_pieces > 0);
  }

  TEST_CASE("another layer's KV fails") {
    const auto f = planted([](std::size_t, Value& at, Payload&) { at.part = 1 - at.part; }, KvLayout::layer);
    if (!f) return;
    CHECK(f->identical == 0);
    CHECK(f->beyond_bound == 1);
    CHECK_FALSE(f->hold());
    CHECK(f->misplaced_pieces > 0);
  }

  TEST_CASE("a value that was forgotten fails") {
    EngineBench bench(kTwice);
    if (!bench.engine) return;
    const auto f =
        Restored(bench).restore([](std::size_t index, Value& at, Payload&) { at.block = index == 1 ? 0 : at.block; });
    CHECK_FALSE(f.hold());
  }

  TEST_CASE("one changed bit fails") {
    const auto f = planted([](std::size_t index, Value&, Payload& bytes) {
      if (index == 0) bytes[5] ^= std::byte{1};
    });
    if (!f) return;
    CHECK_FALSE(f->hold());
    CHECK(f->misplaced_pieces == 1);
  }
}

TEST_SUITE("logits") {
  EngineInfo keeping(Dtype kv) {
    EngineInfo info;
    info.kv = kv;
    return info;
  }
  const EngineInfo kBf16 = keeping(Dtype::bf16);

  TEST_CASE("differences, by hand") {
    const std::vector<float> a{1, 3, 2}, b{1, 2.5, 2.75};
    const LogitDifference d = logit_difference(a, b);
    CHECK(d.max_abs == 0.75);
    CHECK(d.sum_abs == 1.25);
    CHECK(d.lead == 1);
    CHECK_FALSE(d.same_token);
    // p = softmax(1, 3, 2), q = softmax(1, 2.5, 2.75): sum p ln(p / q)
    const double p = std::exp(1) + std::exp(3) + std::exp(2), q = std::exp(1) + std::exp(2.5) + std::exp(2.75);
    const double kl = (std::exp(3) * 0.5 - std::exp(2) * 0.75) / p - std::log(p) + std::log(q);
    CHECK(d.kl_divergence == doctest::Approx(kl));
    CHECK(logit_difference(a, a).kl_divergence == 0);
    CHECK(logit_difference(a, a).same_token);
    const std::vector<float> nan{1, std::nanf(""), 2};
    CHECK(std::isinf(logit_difference(a, nan).max_abs));
    CHECK(logit_difference(std::vector<float>{5, 1, 4.5F}, a).lead == 0.5);
    CHECK(negative_log_likelihood(a, 1) == doctest::Approx(std::log(p) - 3));
  }

  TEST_CASE("the bound follows the spread, the rounding and the size of sums") {
    Model model;
    model.hidden = 64;
    model.layers = 4;
    const std::vector<float> ones{1, -1, 1, -1}, twos{2, -2, 2, -2};
    // sqrt(64 x 4) = 16
    CHECK(logit_bound(kBf16, model, ones) == doctest::Approx(16 * (0x1p-8 + 16 * 0x1p-23)));
    CHECK(logit_bound(kBf16, model, twos) == doctest::Approx(2 * logit_bound(kBf16, model, ones)));
    EngineInfo info = kBf16;
    info.kv = Dtype::fp32;
    CHECK(logit_bound(info, model, ones) == doctest::Approx(16 * 16 * 0x1p-23));
    model.layers = 16;
    CHECK(logit_bound(info, model, ones) == doctest::Approx(16 * 32 * 0x1p-23));
    model.hidden = 256;
    CHECK(logit_bound(info, model, ones) == doctest::Approx(16 * 64 * 0x1p-23));
    info.compute = Dtype::fp16;
    CHECK(logit_bound(info, model, ones) == doctest::Approx(16 * (0x1p-10 + 64 * 0x1p-23)));
  }

  TEST_CASE("other chunks move logits by less than a quarter of the bound") {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      const auto cases = test::decoder_cases();
      EngineConfig config;
      config.model = cases[seed % 2].model;
      config.model.layers = 2 + static_cast<std::uint32_t>(seed % 5);
      config.decoder = cases[seed % 2].shape;
      config.decoder.vocab = 400;
      config.kv_dtype = std::array{Dtype::fp32, Dtype::bf16, Dtype::fp16}[seed % 3];
      config.compute = Dtype::fp32;
      config.threads = 1;
      config.seed = seed;
      config.max_tokens = Tokens(150);
      config.chunk = Tokens(150);
      const auto whole = Engine::make(config);
      if (!whole) return;
      config.chunk = Tokens(7);
      const auto pieces = Engine::make(config);
      std::vector<std::uint32_t> tokens(150);
      for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<std::uint32_t>(mix64(seed, i) % 400);
      std::vector<float> a(400), b(400);
      REQUIRE((*whole)->prefill(tokens, Tokens(0), a));
      REQUIRE((*pieces)->prefill(tokens, Tokens(0), b));
      CAPTURE(seed);
      CHECK(logit_difference(a, b).max_abs < logit_bound((*whole)->info(), config.model, a) / 4);
    }
  }
}
