#include <doctest/doctest.h>

#include <functional>
#include <set>

#include "model/kv_geometry.hpp"

using namespace kv;

namespace {

KvGeometry make(const Model& model, const KvOptions& options, std::uint64_t block) {
  const Result<KvGeometry> geometry = KvGeometry::make(model, options, Tokens(block));
  REQUIRE_MESSAGE(geometry.has_value(), geometry.error().message);
  return *geometry;
}

}  // namespace

TEST_SUITE("key fingerprint") {
  TEST_CASE("everything that makes two caches' bytes incompatible changes it") {
    std::set<std::uint64_t> seen;
    const auto add = [&seen](const std::function<void(Model&, KvOptions&, std::uint64_t&)>& change) {
      Model model = *find_model("gpt-oss-120b");
      KvOptions options;
      std::uint64_t block = 512;
      change(model, options, block);
      return seen.insert(make(model, options, block).fingerprint()).second;
    };
    CHECK(add([](Model&, KvOptions&, std::uint64_t&) {}));
    CHECK_FALSE(add([](Model&, KvOptions&, std::uint64_t&) {}));  // equal inputs, equal fingerprint
    CHECK(add([](Model& m, KvOptions&, std::uint64_t&) { m.name = "other"; }));
    CHECK(add([](Model& m, KvOptions&, std::uint64_t&) { m.revision = "r2"; }));
    CHECK(add([](Model& m, KvOptions&, std::uint64_t&) { m.rope_scaling = "yarn factor=8"; }));
    CHECK(add([](Model& m, KvOptions&, std::uint64_t&) { m.layers = 38; }));
    CHECK(add([](Model& m, KvOptions&, std::uint64_t&) { m.hidden = 2881; }));
    CHECK(add([](Model& m, KvOptions&, std::uint64_t&) { m.heads = 32; }));
    CHECK(add([](Model& m, KvOptions&, std::uint64_t&) { m.kv_heads = 4; }));
    CHECK(add([](Model& m, KvOptions&, std::uint64_t&) { m.head_dim = 128; }));
    CHECK(add([](Model& m, KvOptions&, std::uint64_t&) { m.window = 64; }));
    CHECK(add([](Model& m, KvOptions&, std::uint64_t&) { m.sliding_layers = 12; }));
    CHECK(add([](Model& m, KvOptions&, std::uint64_t&) { m.mla = Mla{512, 64, 128, 128}; }));
    CHECK(add([](Model& m, KvOptions&, std::uint64_t&) { m.mla = Mla{511, 65, 128, 128}; }));
    CHECK(add([](Model& m, KvOptions&, std::uint64_t&) {
      m.linear_layers = 1;
      m.linear_heads = 1;
      m.linear_state = Bytes(64);
    }));
    CHECK(add([](Model& m, KvOptions&, std::uint64_t&) {
      m.linear_layers = 1;
      m.linear_heads = 1;
      m.linear_state = Bytes(128);
    }));
    CHECK(add([](Model&, KvOptions& o, std::uint64_t&) { o.dtype = Dtype::fp16; }));
    CHECK(add([](Model&, KvOptions& o, std::uint64_t&) { o.tp = 2; }));
    CHECK(add([](Model&, KvOptions& o, std::uint64_t&) { o.pp = 2; }));
    CHECK(add([](Model&, KvOptions& o, std::uint64_t&) { o.replication = KvReplication::naive; }));
    CHECK(add([](Model&, KvOptions& o, std::uint64_t&) { o.layout = KvLayout::layer; }));
    CHECK(add([](Model&, KvOptions& o, std::uint64_t&) { o.adapter = "lora-1"; }));
    CHECK(add([](Model&, KvOptions& o, std::uint64_t&) { o.tenant_salt = "lora-1"; }));
    CHECK(add([](Model&, KvOptions& o, std::uint64_t&) { o.bytes_per_token = 8; }));
    CHECK(add([](Model&, KvOptions&, std::uint64_t& b) { b = 16; }));
  }

  TEST_CASE("no text passes for the field behind it") {
    Model a = *find_model("llama-3.1-8b"), b = a;
    KvOptions x, y;
    x.adapter = "a salt=1:b";
    y.adapter = "a";
    y.tenant_salt = "b";
    CHECK(make(a, x, 512).fingerprint() != make(b, y, 512).fingerprint());
  }

  TEST_CASE("it is the same in every process, and in the next release") {
    // libxxhash's XXH3_64bits of the canonical text, typed by hand in Python.
    CHECK(make(*find_model("llama-3.1-8b"), {}, 512).fingerprint() == 13082679796366403691ULL);
  }
}
