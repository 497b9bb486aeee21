#include "model/kv_geometry.hpp"

#include <doctest/doctest.h>

#include "base/random.hpp"

using namespace kv;

namespace {

KvGeometry make(const Model& model, const KvOptions& options = {}, std::uint64_t block = 512) {
  const Result<KvGeometry> geometry = KvGeometry::make(model, options, Tokens(block));
  REQUIRE_MESSAGE(geometry.has_value(), geometry.error().message);
  return *geometry;
}

KvGeometry make(const std::string& model, const KvOptions& options = {}, std::uint64_t block = 512) {
  return make(*find_model(model), options, block);
}

KvOptions ranks(std::uint32_t tp, KvReplication replication, std::uint32_t pp = 1) {
  KvOptions options;
  options.tp = tp;
  options.pp = pp;
  options.replication = replication;
  return options;
}

std::string refusal(const std::string& model, const KvOptions& options, std::uint64_t block = 512) {
  const Result<KvGeometry> geometry = KvGeometry::make(*find_model(model), options, Tokens(block));
  REQUIRE_FALSE(geometry.has_value());
  CHECK(geometry.error().code == Code::bad_input);
  return geometry.error().message + " / " + geometry.error().hint;
}

}  // namespace

TEST_SUITE("kv geometry") {
  constexpr auto dedup = KvReplication::dedup, naive = KvReplication::naive;

  TEST_CASE("gpt-oss-120b keeps all tokens of 18 layers and a window of 128 of the other 18") {
    // 18 layers x 2 x 8 heads x 64 x 2 bytes = 36,864 bytes a token, for each half.
    constexpr std::uint64_t half = 36864;
    const KvGeometry large = make("gpt-oss-120b");
    CHECK(large.nominal_per_token() == Bytes(2 * half));
    REQUIRE(large.parts().size() == 2);

    // One block of 100 tokens, all of which are in the window.
    CHECK(large.stored_prefix(Tokens(100)) == Bytes(100 * half + 100 * half));
    CHECK(large.fetched_prefix(Tokens(100)) == Bytes(7'372'800));
    // Two blocks, each resumable with the window that ends at its end.
    CHECK(large.stored_prefix(Tokens(1000)) == Bytes(1000 * half + 2 * 128 * half));
    CHECK(large.stored_prefix(Tokens(1000)) == Bytes(46'301'184));
    CHECK(large.fetched_prefix(Tokens(1000)) == Bytes(1000 * half + 128 * half));
    CHECK(large.fetched_prefix(Tokens(1000)) == Bytes(41'582'592));
    // Twenty blocks.
    CHECK(large.stored_prefix(Tokens(10000)) == Bytes(10000 * half + 20 * 128 * half));
    CHECK(large.stored_prefix(Tokens(10000)) == Bytes(463'011'840));
    CHECK(large.fetched_prefix(Tokens(10000)) == Bytes(373'358'592));
    for (const std::uint64_t n : {100, 1000, 10000}) {
      CHECK(large.moved_prefix(Tokens(n)) == large.fetched_prefix(Tokens(n)));
    }

    // Blocks of 16 share a window: each stores its own tokens, a hit takes the last eight or nine.
    const KvGeometry small = make("gpt-oss-120b", {}, 16);
    CHECK(small.stored_prefix(Tokens(100)) == Bytes(100 * 2 * half));
    CHECK(small.stored_prefix(Tokens(1000)) == Bytes(1000 * 2 * half));
    CHECK(small.stored_prefix(Tokens(10000)) == Bytes(10000 * 2 * half));
    CHECK(small.fetched_prefix(Tokens(100)) == Bytes(100 * 2 * half));
    CHECK(small.fetched_prefix(Tokens(1000)) == Bytes(1128 * half));
    CHECK(small.fetched_prefix(Tokens(10000)) == Bytes(10128 * half));
    // 1000 = 62 x 16 + 8: the window begins within the ninth block from the end, which travels whole.
    CHECK(small.needed_blocks(small.parts()[1], Tokens(1000)) == 9);
    CHECK(small.moved_prefix(Tokens(1000)) == Bytes(1136 * half));
    CHECK(small.needed_blocks(small.parts()[1], Tokens(10000)) == 8);
    CHECK(small.moved_prefix(Tokens(10000)) == Bytes(10128 * half));
  }

  TEST_CASE("a short last block stores the window that reaches into the block before it") {
    const KvGeometry geometry = make("gpt-oss-120b");
    const KvPart& window = geometry.parts()[1];
    CHECK(window.kind == KvPart::Kind::window);
    CHECK(window.tokens(Tokens(0), Tokens(60)) == 60);
    CHECK(window.tokens(Tokens(0), Tokens(512)) == 128);
    CHECK(window.tokens(Tokens(512), Tokens(8)) == 128);
    CHECK(geometry.stored(Tokens(512), Tokens(8)) == Bytes((8 + 128) * 36864));
    CHECK(geometry.needed_blocks(window, Tokens(520)) == 1);
    CHECK(geometry.needed_blocks(geometry.parts()[0], Tokens(520)) == 2);
    CHECK(geometry.needed_blocks(window, Tokens(0)) == 0);
  }

  TEST_CASE("Gemma 3 27B: 10 global layers and 52 with a window of 1024, larger than a block") {
    const KvGeometry geometry = make("gemma-3-27b");
    constexpr std::uint64_t layer = 2 * 16 * 128 * 2;
    CHECK(geometry.stored_prefix(Tokens(5000)) == Bytes(5000 * 62 * layer));
    CHECK(geometry.fetched_prefix(Tokens(5000)) == Bytes((5000 * 10 + 1024 * 52) * layer));
    // 5000 = 9 x 512 + 392: 632 more tokens of the window take two whole blocks.
    CHECK(geometry.moved_prefix(Tokens(5000)) == Bytes((5000 * 10 + (392 + 1024) * 52) * layer));
    // Blocks that hold a window each store one.
    const KvGeometry large = make("gemma-3-27b", {}, 2048);
    CHECK(large.stored_prefix(Tokens(5000)) == Bytes((5000 * 10 + 3 * 1024 * 52) * layer));
  }

  TEST_CASE("Qwen3.5-27B: each block stores one state, a hit fetches one") {
    const KvGeometry geometry = make("qwen3.5-27b");
    constexpr std::uint64_t state = 153'944'064, token = 65536;
    CHECK(geometry.stored(Tokens(0), Tokens(512)) == Bytes(512 * token + state));
    CHECK(geometry.stored(Tokens(512), Tokens(1)) == Bytes(token + state));
    CHECK(geometry.stored_prefix(Tokens(1000)) == Bytes(1000 * token + 2 * state));
    CHECK(geometry.fetched_prefix(Tokens(1000)) == Bytes(1000 * token + state));
    CHECK(geometry.moved_prefix(Tokens(1000)) == geometry.fetched_prefix(Tokens(1000)));
    CHECK(geometry.fetched_prefix(Tokens(0)) == Bytes(0));
    // At TP 8 the 4 KV heads are doubled, the state is cut in 8.
    const KvGeometry eight = make("qwen3.5-27b", ranks(8, dedup));
    CHECK(eight.parts().size() == 4 + 8);
    CHECK(eight.fetched_prefix(Tokens(1000)) == Bytes(1000 * token + state));
    CHECK(eight.uploaded_prefix(Tokens(1000)) == Bytes(2 * 1000 * token + state));
    CHECK(refusal("qwen3.5-27b", ranks(32, dedup)).find("16 linear-attention heads") != std::string::npos);
  }

  TEST_CASE("Qwen2.5-7B at TP 8: its 4 KV heads are stored once or twice, and uploaded twice") {
    constexpr std::uint64_t token = 57344, n = 1000;
    const KvGeometry once = make("qwen2.5-7b", ranks(8, dedup));
    CHECK(once.parts().size() == 4);
    CHECK(once.parts()[0].per_token == PayloadShape{Dtype::bf16, 28, 2, 1, 128});
    CHECK(once.parts()[0].upload_copies == 2);
    CHECK(once.stored_prefix(Tokens(n)) == Bytes(n * token));
    CHECK(once.fetched_prefix(Tokens(n)) == Bytes(n * token));
    CHECK(once.uploaded_prefix(Tokens(n)) == Bytes(n * 2 * token));
    CHECK(once.engine_block() == Bytes(512 * 2 * token));

    const KvGeometry twice = make("qwen2.5-7b", ranks(8, naive));
    CHECK(twice.parts().size() == 8);
    CHECK(twice.parts()[0].per_token == once.parts()[0].per_token);
    CHECK(twice.parts()[0].upload_copies == 1);
    CHECK(twice.stored_prefix(Tokens(n)) == Bytes(n * 2 * token));
    CHECK(twice.fetched_prefix(Tokens(n)) == Bytes(n * 2 * token));
    CHECK(twice.uploaded_prefix(Tokens(n)) == Bytes(n * 2 * token));
    CHECK(twice.engine_block() == once.engine_block());

    // At TP 4 and below nothing is replicated, and the modes agree.
    for (const KvReplication mode : {dedup, naive}) {
      const KvGeometry two = make("qwen2.5-7b", ranks(2, mode));
      CHECK(two.parts().size() == 2);
      CHECK(two.parts()[0].per_token.channels == 2 * 128);
      CHECK(two.uploaded_prefix(Tokens(n)) == Bytes(n * token));
    }
  }

  TEST_CASE("DeepSeek-V3 at TP 8: one latent, stored once or 8 times, uploaded 8 times") {
    constexpr std::uint64_t token = 70272, n = 1000;  // 61 x (512 + 64) x 2
    const KvGeometry once = make("deepseek-v3", ranks(8, dedup));
    REQUIRE(once.parts().size() == 1);
    CHECK(once.parts()[0].per_token == PayloadShape{Dtype::bf16, 61, 1, 1, 576});
    CHECK(once.stored_prefix(Tokens(n)) == Bytes(n * token));
    CHECK(once.fetched_prefix(Tokens(n)) == Bytes(n * token));
    CHECK(once.uploaded_prefix(Tokens(n)) == Bytes(n * 8 * token));
    CHECK(once.engine_block() == Bytes(512 * 8 * token));

    const KvGeometry each = make("deepseek-v3", ranks(8, naive));
    CHECK(each.parts().size() == 8);
    CHECK(each.stored_prefix(Tokens(n)) == Bytes(n * 8 * token));
    CHECK(each.fetched_prefix(Tokens(n)) == Bytes(n * 8 * token));
    CHECK(each.uploaded_prefix(Tokens(n)) == Bytes(n * 8 * token));
    CHECK(each.engine_block() == once.engine_block());
  }

  TEST_CASE("pipeline stages share the layers as evenly as they can, the first ones more") {
    const KvGeometry geometry = make("llama-3.1-8b", ranks(2, dedup, 3));
    REQUIRE(geometry.parts().size() == 6);
    const std::uint32_t layers[] = {11, 11, 11, 11, 10, 10};
    for (std::size_t i = 0; i < 6; ++i) {
      CHECK(geometry.parts()[i].per_token == PayloadShape{Dtype::bf16, layers[i], 2, 1, 4 * 128});
    }
    CHECK(geometry.stored_prefix(Tokens(512)) == Bytes(512 * 131072));
    CHECK(make("deepseek-v3", ranks(8, naive, 2)).parts().size() == 16);
    // gpt-oss alternates: 36 layers in 4 stages of 9 hold 5 + 4, 4 + 5, ... of each kind.
    const KvGeometry alternating = make("gpt-oss-120b", ranks(1, dedup, 4));
    REQUIRE(alternating.parts().size() == 8);
    for (std::size_t stage = 0; stage < 4; ++stage) {
      const KvPart &full = alternating.parts()[2 * stage], &window = alternating.parts()[2 * stage + 1];
      CHECK(full.per_token.layers + window.per_token.layers == 9);
      CHECK(full.per_token.layers == (stage % 2 == 0 ? 4 : 5));
    }
  }

  TEST_CASE("law: shards and stages change neither what is there nor a layer's place") {
    for (const Model& model : models()) {
      for (const std::uint32_t tp : {1U, 2U, 4U, 8U}) {
        for (std::uint32_t pp = 1; pp <= std::min(model.layers, 9U); ++pp) {
          const Result<KvGeometry> cut = KvGeometry::make(model, ranks(tp, dedup, pp), Tokens(256));
          if (!cut) continue;  // tiny and small have odd numbers of heads
          CAPTURE(model.name);
          CAPTURE(tp);
          CAPTURE(pp);
          const KvGeometry whole = make(model, {}, 256);
          for (const std::uint64_t n : {1, 255, 256, 257, 3000}) {
            CHECK(cut->stored_prefix(Tokens(n)) == whole.stored_prefix(Tokens(n)));
            CHECK(cut->fetched_prefix(Tokens(n)) == whole.fetched_prefix(Tokens(n)));
          }
          CHECK(cut->nominal_per_token() == whole.nominal_per_token());
        }
      }
    }
  }

  TEST_CASE("law: a prefix is the sum of its blocks, and what is moved covers what is needed") {
    Random random(7);
    const char* names[] = {"llama-3.1-8b", "gpt-oss-20b", "gemma-3-27b", "qwen3.5-27b", "kimi-k2"};
    for (int round = 0; round < 400; ++round) {
      const std::uint64_t block = 1 + random.below(300);
      const std::uint64_t n = 1 + random.below(3000);
      const std::uint32_t tp = 1U << random.below(4);
      const KvReplication mode = random.below(2) ? naive : dedup;
      KvOptions options = ranks(tp, mode, 1 + random.below(4));
      options.dtype = all_dtypes()[random.below(all_dtypes().size())];
      if (random.below(4) == 0) options.bytes_per_token = 64 * 4 * (1 + random.below(10));
      const Model model = *find_model(names[random.below(5)]);
      const KvGeometry g = make(model, options, block);
      CAPTURE(block);
      CAPTURE(n);
      Bytes stored, moved, behind;
      const std::uint64_t blocks = ceil_div(n, block), have = random.below(blocks + 2);
      for (std::uint64_t i = 0; i < blocks; ++i) {
        const Tokens before(i * block), in(std::min(block, n - i * block));
        stored += g.stored(before, in);
        CHECK(g.stored(before, in) <= g.max_block());
        for (const KvPart& part : g.parts()) {
          if (i + g.needed_blocks(part, Tokens(n)) >= blocks) {
            moved += part.bytes(before, in);
            if (i >= have) behind += part.bytes(before, in);
          }
          CHECK(part.bytes(before, in) <= g.max_part());
        }
      }
      CHECK(stored == g.stored_prefix(Tokens(n)));
      CHECK(moved == g.moved_prefix(Tokens(n)));
      CHECK(behind == g.moved_behind(have, Tokens(n)));
      CHECK(g.fetched_prefix(Tokens(n)) <= moved);
      CHECK(moved <= stored);
      CHECK(g.fetched_prefix(Tokens(n)) <= g.uploaded_prefix(Tokens(n)));
      const std::uint64_t window = std::min<std::uint64_t>(n, model.window);
      for (const KvPart& part : g.parts()) {
        if (part.kind != KvPart::Kind::window) continue;
        std::uint64_t held = 0;
        for (std::uint64_t i = blocks - g.needed_blocks(part, Tokens(n)); i < blocks; ++i) {
          held += part.tokens(Tokens(i * block), Tokens(std::min(block, n - i * block)));
        }
        CHECK(held >= window);
        CHECK(held < window + block);  // not a block too many
      }
    }
  }

  TEST_CASE("quantized KV: fp8 has its scales in the model, int8 one fp32 scale a token and head") {
    const auto per_token = [](const char* name, Dtype dtype) {
      KvOptions options;
      options.dtype = dtype;
      return make(name, options).stored(Tokens(0), Tokens(1)).count();
    };
    CHECK(per_token("llama-3.1-8b", Dtype::fp32) == 262144);
    CHECK(per_token("llama-3.1-8b", Dtype::fp16) == 131072);
    CHECK(per_token("llama-3.1-8b", Dtype::fp8_e4m3) == 65536);
    CHECK(per_token("llama-3.1-8b", Dtype::int8) == 32 * 2 * 8 * (128 + 4));
    CHECK(per_token("deepseek-v3", Dtype::int8) == 61 * (576 + 4));
    // Scales are cut with the heads that they belong to, and stay out of the nominal figure.
    KvOptions options = ranks(16, naive);
    options.dtype = Dtype::int8;
    const KvGeometry cut = make("llama-3.1-8b", options);
    CHECK(cut.parts()[0].per_token.channels == 132);
    CHECK(cut.nominal_per_token() == Bytes(65536));
    // The recurrent state is not KV: it keeps its own type.
    options = {};
    options.dtype = Dtype::fp8_e4m3;
    CHECK(make("qwen3.5-27b", options).fetched_prefix(Tokens(1)) == Bytes(32768 + 153'944'064));
  }

  TEST_CASE("scaled payloads weigh exactly what was asked, over all shards") {
    KvOptions options;
    options.bytes_per_token = 8;
    const KvGeometry plain = make("llama-3.1-8b", options);
    CHECK(plain.scaled());
    REQUIRE(plain.parts().size() == 1);
    CHECK(plain.parts()[0].per_token == PayloadShape{Dtype::bf16, 1, 2, 1, 2});
    CHECK(plain.stored_prefix(Tokens(12345)) == Bytes(12345 * 8));
    CHECK(plain.fetched_prefix(Tokens(12345)) == Bytes(12345 * 8));
    CHECK(plain.engine_block() == Bytes(512 * 131072));  // HBM holds the real thing
    CHECK(plain.nominal_per_token() == Bytes(131072));

    // Windows and states collapse.
    for (const char* name : {"gpt-oss-120b", "qwen3.5-27b"}) {
      CHECK(make(name, options).stored(Tokens(512), Tokens(7)) == Bytes(56));
    }
    CHECK(make("gpt-oss-120b", options).engine_block() == Bytes((512 + 128) * 36864));

    // 5 elements over 2 shards: 3 in one plane, 2 in two.
    options.tp = 2;
    options.bytes_per_token = 10;
    const KvGeometry uneven = make("llama-3.1-8b", options);
    REQUIRE(uneven.parts().size() == 2);
    CHECK(uneven.parts()[0].per_token == PayloadShape{Dtype::bf16, 1, 1, 1, 3});
    CHECK(uneven.parts()[1].per_token == PayloadShape{Dtype::bf16, 1, 2, 1, 1});
    for (const std::uint64_t n : {16, 17, 100, 1024, 131072}) {
      for (const Dtype dtype : all_dtypes()) {
        KvOptions spread = ranks(8, naive, 2);
        spread.dtype = dtype;
        spread.bytes_per_token = n;
        const Result<KvGeometry> g = KvGeometry::make(*find_model("qwen2.5-7b"), spread, Tokens(512));
        const bool fits = n % dtype_bytes(dtype) == 0 && n >= 16 * dtype_bytes(dtype);
        CHECK(g.has_value() == fits);
        if (g) CHECK(g->stored_prefix(Tokens(1000)) == Bytes(1000 * n));
      }
    }
    CHECK(make("deepseek-v3",
               [] {
                 KvOptions o = ranks(8, dedup);
                 o.bytes_per_token = 6;
                 return o;
               }())
              .uploaded_prefix(Tokens(10)) == Bytes(10 * 6 * 8));
  }

  TEST_CASE("what does not fit is refused with the nearest that does") {
    KvOptions scaled;
    scaled.bytes_per_token = 7;
    CHECK(refusal("llama-3.1-8b", scaled).find("nearest that does is 6") != std::string::npos);
    scaled.bytes_per_token = 0;
    CHECK(refusal("llama-3.1-8b", scaled).find("nearest that does is 2") != std::string::npos);
    scaled.bytes_per_token = ~std::uint64_t{0};
    CHECK(refusal("llama-3.1-8b", scaled).find("does not split") != std::string::npos);
    scaled.bytes_per_token = 8;
    scaled.tp = 8;
    CHECK(refusal("llama-3.1-8b", scaled).find("nearest that does is 16") != std::string::npos);
    CHECK(refusal("llama-3.1-8b", ranks(3, dedup)).find("--tp 3 does not fit the 8 KV heads") != std::string::npos);
    CHECK(refusal("llama-3.1-8b", ranks(12, dedup)).find("try --tp 8") != std::string::npos);
    CHECK(refusal("llama-3.1-8b", ranks(0, dedup)).find("--tp 0") != std::string::npos);
    CHECK(refusal("llama-3.1-8b", ranks(1, dedup, 0)).find("--pp 0") != std::string::npos);
    CHECK(refusal("llama-3.1-8b", ranks(1, dedup, 33)).find("32 layers") != std::string::npos);
    CHECK(refusal("llama-3.1-8b", {}, 0).find("block size") != std::string::npos);
    CHECK(refusal("llama-3.1-8b", {}, std::uint64_t{1} << 40).find("block size") != std::string::npos);
    Model empty;
    CHECK_FALSE(KvGeometry::make(empty, {}, Tokens(16)).has_value());
    Model absurd = *find_model("llama-3.1-8b");
    absurd.kv_heads = absurd.head_dim = absurd.layers = 4'000'000'000U;
    CHECK_FALSE(KvGeometry::make(absurd, {}, Tokens(16)).has_value());
  }

  TEST_CASE("a model without any attention is cut by its states alone") {
    Model linear;
    linear.name = "linear";
    linear.layers = linear.linear_layers = 4;
    linear.linear_heads = 8;
    linear.linear_state = Bytes(4 * 1024);
    for (const auto replication : {dedup, naive}) {
      const KvGeometry geometry = make(linear, ranks(2, replication));
      REQUIRE(geometry.parts().size() == 2);
      CHECK(geometry.stored_prefix(Tokens(1024)) == Bytes(2 * 4096));
      CHECK(geometry.fetched_prefix(Tokens(1024)) == Bytes(4096));
    }
    KvOptions scaled = ranks(2, dedup);
    scaled.bytes_per_token = 8;
    CHECK(make(linear, scaled).parts().size() == 2);
    CHECK(make(linear, scaled).stored_prefix(Tokens(1024)) == Bytes(8192));
  }

  TEST_CASE("what does not fit 64 bits is the largest figure, not a small one") {
    Model states = *find_model("qwen3.5-27b");
    states.linear_state = Bytes(std::uint64_t{48} << 32);
    const KvGeometry geometry = make(states, {}, 1);
    CHECK(geometry.stored_prefix(Tokens(std::uint64_t{1} << 32)) == Bytes(~std::uint64_t{0}));
    CHECK(geometry.stored_prefix(Tokens(2)) == Bytes((std::uint64_t{96} << 32) + 2 * 65536));
  }

  TEST_CASE("prompts of a million tokens do not overflow") {
    const KvGeometry geometry = make("llama-3.1-405b", ranks(16, naive));
    CHECK(geometry.stored_prefix(Tokens(1'000'000)) == Bytes(2 * 516'096'000'000));
  }
}
