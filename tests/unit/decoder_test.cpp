#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/random.hpp"
#include "engine/engine.hpp"
#include "support/naive_decoder.hpp"
#include "support/small_engine.hpp"
#include "support/temp_directory.hpp"

using namespace kv;

namespace {

using test::DecoderCase;
using test::engine_or_say;
using Tokens32 = std::vector<std::uint32_t>;

EngineConfig config_of(const DecoderCase& one, const std::string& directory, Dtype kv = Dtype::fp32) {
  EngineConfig config;
  config.model = one.model;
  config.decoder = one.shape;
  config.kv_dtype = kv;
  config.compute = Dtype::fp32;
  config.threads = 1;
  config.chunk = Tokens(16);
  config.max_tokens = Tokens(96);
  config.weights = directory;
  return config;
}

Tokens32 random_tokens(std::size_t count, std::uint32_t vocab, std::uint64_t seed = 5) {
  Random random(seed);
  Tokens32 out(count);
  for (std::uint32_t& token : out) token = static_cast<std::uint32_t>(random.below(vocab));
  return out;
}

std::vector<float> computed(Engine& engine, const Tokens32& tokens, std::size_t from, std::size_t to,
                            std::size_t rows) {
  std::vector<float> logits(rows * engine.vocab());
  const auto done = engine.prefill(std::span(tokens).subspan(from, to - from), Tokens(from), logits);
  REQUIRE_MESSAGE(done.has_value(), done.error().message);
  return logits;
}

double furthest(const std::vector<float>& rows, const std::vector<std::vector<double>>& expected, std::size_t first) {
  double most = 0;
  const std::size_t vocab = expected.front().size();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    most = std::max(most, std::abs(rows[i] - expected[first + i / vocab][i % vocab]));
  }
  return most;
}

}  // namespace

TEST_SUITE("decoder") {
  TEST_CASE("every kind of decoder computes what plain loops in double precision do") {
    const test::TempDirectory directory;
    for (const DecoderCase& one : test::decoder_cases()) {
      CAPTURE(one.name);
      const auto weights = test::make_weights(one.model, one.shape, 7);
      const std::string where = directory / one.name;
      test::write_model(where, one.model, one.shape, weights);
      const Tokens32 tokens = random_tokens(70, one.shape.vocab);
      const auto expected = test::naive_logits(one.model, one.shape, weights, tokens);
      const auto engine = engine_or_say(config_of(one, where));
      if (!engine) return;
      CHECK(furthest(computed(*engine, tokens, 0, 70, 70), expected, 0) < 2e-4);
      // Behind a past of its own, in pieces that no chunk is a multiple of.
      computed(*engine, tokens, 0, 23, 0);
      CHECK(furthest(computed(*engine, tokens, 23, 64, 41), expected, 23) < 2e-4);
      CHECK(furthest(computed(*engine, tokens, 64, 65, 1), expected, 64) < 2e-4);
      // KV in bf16 moves logits by its rounding, 2^-9 of a value, and no more.
      const auto rounded = engine_or_say(config_of(one, where, Dtype::bf16));
      const double moved = furthest(computed(*rounded, tokens, 0, 70, 70), expected, 0);
      CHECK(moved > 1e-5);
      CHECK(moved < 0.1);
    }
  }

  TEST_CASE("a config.json tells the same decoder as the figures it was made of") {
    const test::TempDirectory directory;
    for (const DecoderCase& one : test::decoder_cases()) {
      CAPTURE(one.name);
      test::write_model(directory.path(), one.model, one.shape, test::make_weights(one.model, one.shape, 1));
      const auto read = find_decoder_shape(directory / "config.json");
      REQUIRE_MESSAGE(read.has_value(), read.error().message);
      CHECK(*read == one.shape);
    }
  }

  TEST_CASE("random weights come from the seed alone") {
    const DecoderCase one = test::decoder_cases().front();
    EngineConfig config = config_of(one, "");
    const Tokens32 tokens = random_tokens(20, one.shape.vocab);
    const auto first = engine_or_say(config), again = engine_or_say(config);
    if (!first) return;
    const auto logits = computed(*first, tokens, 0, 20, 1);
    CHECK(logits == computed(*again, tokens, 0, 20, 1));
    config.seed = 2;
    CHECK(logits != computed(*engine_or_say(config), tokens, 0, 20, 1));
    CHECK(first->info().weights == "random, seed 1");
    CHECK(first->info().random_weights);
    CHECK(first->info().device == "cpu");
    CHECK(first->info().threads == 1);
    // A spread as trained models have it: some tokens stand out.
    double squares = 0;
    for (const float logit : logits) squares += static_cast<double>(logit) * logit;
    CHECK(std::sqrt(squares / static_cast<double>(logits.size())) > 0.5);
    CHECK(std::sqrt(squares / static_cast<double>(logits.size())) < 10);
  }

  TEST_CASE("a mixture of experts with random weights runs, too") {
    const DecoderCase one = test::decoder_cases().back();
    const auto engine = engine_or_say(config_of(one, ""));
    if (!engine) return;
    const auto logits = computed(*engine, random_tokens(40, one.shape.vocab), 0, 40, 1);
    CHECK(std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); }));
  }

  TEST_CASE("KV that was read and written back continues bit by bit as KV that stayed") {
    const DecoderCase one = test::decoder_cases().front();
    for (const Dtype dtype : {Dtype::fp32, Dtype::bf16, Dtype::fp16}) {
      CAPTURE(dtype_name(dtype));
      EngineConfig config = config_of(one, "", dtype);
      config.staged = dtype != Dtype::fp16;
      const auto engine = engine_or_say(config);
      if (!engine) return;
      const Tokens32 tokens = random_tokens(60, one.shape.vocab);
      computed(*engine, tokens, 0, 48, 0);
      const auto stayed = computed(*engine, tokens, 48, 60, 12);
      const std::size_t token = 2 * one.model.layers * one.model.kv_heads * one.model.head_dim * dtype_bytes(dtype);
      std::vector<std::vector<std::byte>> blocks;
      for (std::uint64_t block = 0; block < 3; ++block) {
        blocks.emplace_back(16 * token);
        REQUIRE(engine->read_kv({0, one.model.layers, Tokens(block * 16), Tokens(16)}, blocks.back()));
      }
      computed(*engine, random_tokens(60, one.shape.vocab, 99), 0, 60, 0);
      CHECK(computed(*engine, tokens, 48, 60, 12) != stayed);
      for (std::uint64_t block = 0; block < 3; ++block) {
        // Layer by layer: a layer's bytes lie together.
        for (std::uint32_t l = 0; l < one.model.layers; ++l) {
          const std::size_t bytes = blocks[block].size() / one.model.layers;
          REQUIRE(engine->write_kv({l, 1, Tokens(block * 16), Tokens(16)},
                                   std::span(blocks[block]).subspan(l * bytes, bytes)));
        }
      }
      CHECK(computed(*engine, tokens, 48, 60, 12) == stayed);
    }
  }

  TEST_CASE("KV that goes by staging buffers arrives where plain copies bring it, in pieces of any size") {
    const DecoderCase one = test::decoder_cases().front();
    EngineConfig config = config_of(one, "");
    config.max_tokens = Tokens(70'000);  // a layer's K takes more than one buffer
    config.staged = true;
    const auto engine = engine_or_say(config);
    if (!engine) return;
    const std::size_t token = std::size_t{2} * one.model.kv_heads * one.model.head_dim * 4;  // of a layer
    Random random(17);
    const auto check = [&](std::uint32_t first, std::uint32_t layers, std::uint64_t from, std::uint64_t tokens) {
      CAPTURE(tokens);
      std::vector<std::byte> sent(token * layers * tokens), got(sent.size());
      for (std::byte& b : sent) b = static_cast<std::byte>(random.below(256));
      const KvPlace place{first, layers, Tokens(from), Tokens(tokens)};
      REQUIRE(engine->write_kv(place, sent));
      REQUIRE(engine->read_kv(place, got));
      CHECK(got == sent);
      // Token by token it is the same KV: pieces lie where they should.
      std::vector<std::byte> last(token);
      REQUIRE(engine->read_kv({first + layers - 1, 1, Tokens(from + tokens - 1), Tokens(1)}, last));
      const std::size_t plane = token / 2 * tokens;
      const auto end = sent.end() - static_cast<std::ptrdiff_t>(plane);
      CHECK(std::equal(last.begin(), last.begin() + static_cast<std::ptrdiff_t>(token / 2),
                       end - static_cast<std::ptrdiff_t>(token / 2)));
      CHECK(std::equal(last.begin() + static_cast<std::ptrdiff_t>(token / 2), last.end(),
                       sent.end() - static_cast<std::ptrdiff_t>(token / 2)));
    };
    check(0, one.model.layers, 0, 70'000);
    check(1, 1, 1, 69'999);
    check(0, 2, 12'345, 1);
    check(0, 1, 69'990, 10);
    for (int i = 0; i < 20; ++i) check(0, one.model.layers, random.below(60'000), 1 + random.below(10'000));
    CHECK_FALSE(engine->write_kv({2, 1, Tokens(0), Tokens(0)}, {}));
    check(0, 1, 0, 100);  // after a copy that failed
  }

  TEST_CASE("what cannot be computed is refused") {
    const DecoderCase one = test::decoder_cases().front();
    const auto engine = engine_or_say(config_of(one, ""));
    if (!engine) return;
    const auto refused = [&](const Tokens32& tokens, std::uint64_t position, std::size_t rows) {
      std::vector<float> logits(rows * one.shape.vocab);
      const auto done = engine->prefill(tokens, Tokens(position), logits);
      return done ? std::string("done") : done.error().message;
    };
    CHECK(refused({}, 0, 0).find("no token") != std::string::npos);
    CHECK(refused(random_tokens(97, 50), 0, 0).find("longer than the engine") != std::string::npos);
    CHECK(refused(random_tokens(1, 50), 96, 0).find("longer than the engine") != std::string::npos);
    CHECK(refused(random_tokens(1, 50), ~0ULL, 0).find("longer than the engine") != std::string::npos);
    CHECK(refused({50}, 0, 0).find("vocabulary") != std::string::npos);
    CHECK(refused({1}, 0, 2).find("more rows") != std::string::npos);
    CHECK(refused({1}, 0, 1) == "done");
    std::vector<std::byte> bytes(16);
    CHECK_FALSE(engine->write_kv({0, 1, Tokens(0), Tokens(16)}, bytes));  // another size
    CHECK_FALSE(engine->write_kv({2, 1, Tokens(0), Tokens(0)}, {}));      // no such layer
    CHECK_FALSE(engine->read_kv({0, 1, Tokens(90), Tokens(16)}, bytes));  // no such token
    CHECK_FALSE(engine->read_kv({0, 1, Tokens(~0ULL), Tokens(16)}, bytes));

    EngineConfig config = config_of(one, "");
    config.kv_dtype = Dtype::int8;
    CHECK(Engine::make(config).error().code == Code::bad_input);
    config = config_of(one, "");
    config.max_tokens = Tokens(1ULL << 40);
    const auto huge = Engine::make(config);
    REQUIRE_FALSE(huge);
    CHECK(huge.error().message.find("are available") != std::string::npos);
    CHECK(huge.error().hint.find("smaller") != std::string::npos);
  }

  TEST_CASE("memory is foreseen: no less than the tensors that are held") {
    for (const DecoderCase& one : test::decoder_cases()) {
      CAPTURE(one.name);
      const EngineConfig config = config_of(one, "");
      const auto engine = engine_or_say(config);
      if (!engine) return;
      CHECK(engine_memory(config) >= engine->info().weight_bytes + engine->info().kv_bytes);
      CHECK(engine->info().weight_bytes == Bytes(static_cast<std::uint64_t>(4 * decoder_params(one.model, one.shape))));
    }
  }
}
