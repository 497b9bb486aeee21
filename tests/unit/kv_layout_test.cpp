#include <doctest/doctest.h>

#include "model/kv_geometry.hpp"

using namespace kv;

namespace {

KvGeometry make(const char* model, const KvOptions& options, std::uint64_t block) {
  const auto geometry = KvGeometry::make(*find_model(model), options, Tokens(block));
  REQUIRE_MESSAGE(geometry.has_value(), (geometry ? "" : geometry.error().message));
  return *geometry;
}

KvOptions layers(std::uint32_t tp = 1, std::uint32_t pp = 1, KvReplication replication = KvReplication::dedup) {
  KvOptions options;
  options.layout = KvLayout::layer;
  options.tp = tp;
  options.pp = pp;
  options.replication = replication;
  return options;
}

}  // namespace

TEST_SUITE("kv layout") {
  TEST_CASE("a value a layer and rank, all ranks of a layer together") {
    const KvGeometry llama = make("llama-3.1-70b", layers(8), 16);  // 80 layers, 8 KV heads of 128: one head a rank
    REQUIRE(llama.parts().size() == 80 * 8);
    for (const KvPart& part : llama.parts()) CHECK(part.per_token == PayloadShape{Dtype::bf16, 1, 2, 1, 128});
    CHECK(llama.max_part() == Bytes(2 * 128 * 2 * 16));
    CHECK(llama.max_block() == Bytes(80 * 8 * 2 * 128 * 2 * 16));
    CHECK(make("llama-3.1-8b", layers(), 16).parts().size() == 32);
    CHECK(make("llama-3.1-8b", layers(2), 16).parts().size() == 64);
    CHECK(make("llama-3.1-8b", layers(2, 3), 16).parts().size() == 64);  // a layer is in one stage
    CHECK(make("qwen2.5-7b", layers(8), 16).parts().size() == 28 * 4);   // 4 KV heads, stored once
    CHECK(make("qwen2.5-7b", layers(8, 1, KvReplication::naive), 16).parts().size() == 28 * 8);
    CHECK(make("qwen2.5-7b", layers(8), 16).parts()[0].upload_copies == 2);
    CHECK(make("deepseek-v3", layers(8), 16).parts()[60].upload_copies == 8);
  }

  TEST_CASE("kinds of layers follow one another; a state is cut, too") {
    const KvGeometry oss = make("gpt-oss-120b", layers(2), 512);  // 18 full and 18 sliding layers
    REQUIRE(oss.parts().size() == 36 * 2);
    CHECK(oss.parts()[35].kind == KvPart::Kind::full);
    CHECK(oss.parts()[36].kind == KvPart::Kind::window);
    CHECK(oss.parts()[36].window == 128);
    const KvGeometry qwen = make("qwen3.5-27b", layers(2), 512);  // 16 full layers, 48 with a state
    REQUIRE(qwen.parts().size() == 64 * 2);
    CHECK(qwen.parts()[31].kind == KvPart::Kind::full);
    CHECK(qwen.parts()[32].kind == KvPart::Kind::state);
    CHECK(qwen.parts()[32].per_token.layers == 1);
  }

  TEST_CASE("law: the layout changes how many values there are, and nothing of what they weigh or who needs them") {
    for (const char* model :
         {"llama-3.1-8b", "qwen2.5-7b", "deepseek-v3", "gpt-oss-120b", "gemma-3-27b", "qwen3.5-27b"}) {
      for (const std::uint32_t tp : {1, 2, 4, 8}) {
        for (const std::uint32_t pp : {1, 3}) {
          for (const KvReplication replication : {KvReplication::dedup, KvReplication::naive}) {
            for (const std::uint64_t block : {16, 512}) {
              CAPTURE(model);
              CAPTURE(tp);
              const KvOptions by_layer = layers(tp, pp, replication);
              KvOptions by_block = by_layer;
              by_block.layout = KvLayout::block;
              const KvGeometry a = make(model, by_block, block), b = make(model, by_layer, block);
              std::size_t values = 0;
              for (const KvPart& part : a.parts()) values += part.per_token.layers;
              CHECK(b.parts().size() == values);
              CHECK(a.engine_block() == b.engine_block());
              CHECK(a.max_block() == b.max_block());
              CHECK(a.fingerprint() != b.fingerprint());
              for (const std::uint64_t n : {1, 100, 5000}) {
                CHECK(a.stored_prefix(Tokens(n)) == b.stored_prefix(Tokens(n)));
                CHECK(a.fetched_prefix(Tokens(n)) == b.fetched_prefix(Tokens(n)));
                CHECK(a.moved_prefix(Tokens(n)) == b.moved_prefix(Tokens(n)));
                CHECK(a.uploaded_prefix(Tokens(n)) == b.uploaded_prefix(Tokens(n)));
              }
            }
          }
        }
      }
    }
  }

  TEST_CASE("scaled payloads have a value a layer and rank, too, and weigh what was asked") {
    for (const std::uint64_t bytes : {1280, 1282, 4096, 131072}) {
      KvOptions options = layers(8, 2);
      options.bytes_per_token = bytes;
      const KvGeometry cut = make("llama-3.1-70b", options, 16);
      CHECK(cut.parts().size() == 640);
      CHECK(cut.stored_prefix(Tokens(100)) == Bytes(100 * bytes));
    }
    KvOptions options = layers(8);
    options.bytes_per_token = 256;
    const auto refused = KvGeometry::make(*find_model("llama-3.1-70b"), options, Tokens(16));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message ==
          "--bytes-per-token 256 does not split into 640 layers of shards of whole bf16 elements");
    CHECK(refused.error().hint == "the nearest that does is 1280");
  }

  TEST_CASE("millions of values a block are refused") {
    const auto refused =
        KvGeometry::make(*find_model("llama-3.1-70b"), layers(1024, 1, KvReplication::naive), Tokens(16));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Code::bad_input);
    CHECK(refused.error().message.find("81920 values") != std::string::npos);
    CHECK(refused.error().hint == "take --layout block, or a smaller --tp");
  }
}
