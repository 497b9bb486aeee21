#include "plan/size.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>
#include <string>

#include "model/kv_geometry.hpp"
#include "support/near.hpp"

using namespace kv;
using test::same;

namespace {

/// 1,000 blocks of 1,000 tokens at 100 bytes, coded to half: values of 50,000 bytes. A store that adds 10 within and 90
/// beside.
SizeQuestion question() {
  SizeQuestion q;
  q.tokens = 1e6;
  q.payload_bytes_per_token = 100;
  q.stored_per_payload = 0.5;
  q.tokens_per_block = 1000;
  q.store = {"s", ValueRounding::none, 10, 90, 1, ""};
  q.fragmentation = 0;
  return q;
}

SizeAnswer of(const SizeQuestion& q) {
  const auto size = size_of(q);
  if (!size) FAIL(size.error().message);
  return *size;
}

template <class Change>
SizeAnswer with(Change change) {
  SizeQuestion q = question();
  change(q);
  return of(q);
}

}  // namespace

TEST_SUITE("plan: size") {
  TEST_CASE("check vectors: what Redis 7.0 holds for a value, by MEMORY USAGE") {
    const ValueStore redis = *find_value_store("redis");
    CHECK(held_bytes(redis, 1'048'576) == 1'310'776);
    CHECK(held_bytes(redis, 1'048'560) == 1'048'632);
    CHECK(held_bytes(redis, 4'194'304) == 5 * 1024 * 1024 + 56);
    CHECK(held_bytes(redis, 1020 * 1024) == 1'048'632);  // kvkit's chunks
    const ValueStore valkey = *find_value_store("valkey");
    CHECK(held_bytes(valkey, 1'048'576) == 1'310'776);
  }

  TEST_CASE("check vectors: 2 GiB held 1,636 values of 1 MiB in Redis and 2,049 in Dragonfly") {
    CHECK(same(0x1p31 / held_bytes(*find_value_store("redis"), 0x1p20), 1636, 0.002));
    CHECK(same(0x1p31 / held_bytes(*find_value_store("dragonfly"), 0x1p20), 2049, 0.001));
  }

  TEST_CASE("jemalloc's classes: steps of 16, then four for each power of two") {
    const std::pair<double, double> classes[] = {
        {0, 0},     {1, 8},       {8, 8},       {9, 16},          {16, 16},         {17, 32},
        {100, 112}, {128, 128},   {129, 160},   {160, 160},       {161, 192},       {256, 256},
        {257, 320}, {4096, 4096}, {4097, 5120}, {16'384, 16'384}, {16'385, 20'480}, {1e30, 0x1p62}};
    for (const auto& row : classes) {
      CAPTURE(row.first);
      CHECK(jemalloc_class(row.first) == row.second);
    }
    CHECK(rc::check([] {
      const auto bytes = static_cast<double>(*rc::gen::inRange<std::int64_t>(129, std::int64_t{1} << 40));
      const double held = jemalloc_class(bytes);
      RC_ASSERT(held >= bytes);
      RC_ASSERT(held < bytes * 1.25 + 1);
      RC_ASSERT(jemalloc_class(held) == held);
    }));
  }

  TEST_CASE("each step from tokens to memory") {
    const SizeAnswer size = of(question());
    CHECK(same(size.tokens, 1e6));
    CHECK(same(size.payload_bytes, 1e8));
    CHECK(same(size.stored_bytes, 5e7));
    CHECK(same(size.values, 1000));
    CHECK(same(size.value_bytes, 50'000));
    CHECK(same(size.held_bytes, 1000 * 50'100.0));
    CHECK(same(size.overhead, 0.002));
    CHECK(same(size.memory_bytes, 5.01e7));
    CHECK(same(size.memory_all_copies_bytes, 5.01e7));
  }

  TEST_CASE("each input moves it") {
    CHECK(same(with([](SizeQuestion& q) { q.tokens = 2e6; }).memory_bytes, 10.02e7));
    CHECK(same(with([](SizeQuestion& q) { q.payload_bytes_per_token = 200; }).held_bytes, 1000 * 100'100.0));
    CHECK(same(with([](SizeQuestion& q) { q.stored_per_payload = 1; }).stored_bytes, 1e8));
    CHECK(same(with([](SizeQuestion& q) { q.tokens_per_block = 500; }).held_bytes, 2000 * 25'100.0));
    CHECK(same(with([](SizeQuestion& q) { q.values_per_block = 2; }).held_bytes, 2000 * 25'100.0));
    CHECK(same(with([](SizeQuestion& q) { q.most_value_bytes = 20'000; }).held_bytes, 1000 * (50'000 + 3 * 100.0)));
    CHECK(same(with([](SizeQuestion& q) { q.most_value_bytes = 20'000; }).values, 3000));
    CHECK(same(with([](SizeQuestion& q) { q.most_value_bytes = 25'000; }).values, 2000));
    CHECK(same(with([](SizeQuestion& q) { q.most_value_bytes = 50'000; }).values, 1000));
    const SizeAnswer manifest = with([](SizeQuestion& q) { q.manifest_bytes = 200; });
    CHECK(same(manifest.held_bytes, 1000 * (50'100 + 300.0)));
    CHECK(same(manifest.values, 2000));
    CHECK(same(manifest.value_bytes, 25'100));
    CHECK(same(with([](SizeQuestion& q) { q.store.value_header_bytes = 20; }).held_bytes, 1000 * 50'110.0));
    CHECK(same(with([](SizeQuestion& q) { q.store.entry_bytes = 190; }).held_bytes, 1000 * 50'200.0));
    CHECK(same(with([](SizeQuestion& q) { q.store.rounding = ValueRounding::jemalloc; }).held_bytes,
               1000 * (57'344 + 90.0)));  // 32 KiB + 3 of its quarters
    CHECK(same(with([](SizeQuestion& q) { q.store.usable_share = 0.5; }).memory_bytes, 10.02e7));
    CHECK(same(with([](SizeQuestion& q) { q.fragmentation = 0.1; }).memory_bytes, 5.511e7));
    CHECK(same(with([](SizeQuestion& q) { q.fork_share = 0.3; }).memory_bytes, 6.513e7));
    CHECK(same(with([](SizeQuestion& q) { q.replicas = 1; }).memory_bytes, 5.01e7));
    CHECK(same(with([](SizeQuestion& q) { q.replicas = 1; }).memory_all_copies_bytes, 10.02e7));
    CHECK(same(with([](SizeQuestion& q) { q.traffic = 3; }).tokens, 3e6));
    CHECK(same(with([](SizeQuestion& q) { q.traffic = 3, q.shared_share = 0.5; }).tokens, 2e6));
    CHECK(same(with([](SizeQuestion& q) { q.shared_share = 0.5; }).tokens, 1e6));
    CHECK(same(with([](SizeQuestion& q) { q.traffic = 3, q.shared_share = 1; }).memory_bytes, 5.01e7));
    const SizeAnswer none = with([](SizeQuestion& q) { q.tokens = 0; });
    CHECK(none.memory_bytes == 0);
    CHECK(none.value_bytes == 0);
    CHECK(none.overhead == 0);
  }

  TEST_CASE("check vectors: the conversation trace is 12.27 TB of Llama-3.1-8B; 40 GB are 128 K tokens of the 70B") {
    SizeQuestion q;
    q.tokens = 182'790.0 * 512;
    const KvGeometry geometry = *KvGeometry::make(*find_model("llama-3.1-8b"), {}, Tokens(512));
    q.payload_bytes_per_token = static_cast<double>(geometry.stored(Tokens(0), Tokens(512)).count()) / 512;
    q.store = *find_value_store("serverless");
    q.fragmentation = 0;
    CHECK(same(of(q).memory_bytes, 12.27e12, 5e-4));
    q.tokens = 128 * 1024;
    const KvGeometry big = *KvGeometry::make(*find_model("llama-3.1-70b"), {}, Tokens(512));
    q.payload_bytes_per_token = static_cast<double>(big.stored(Tokens(0), Tokens(512)).count()) / 512;
    CHECK(same(of(q).payload_bytes, 0x28p30, 1e-9));  // 40 GiB
    q.tokens = 3e6;                                   // about 1 TB (Mooncake, FAST'25)
    CHECK(same(of(q).payload_bytes, 1e12, 0.02));
  }

  TEST_CASE("chunks of 1 MiB waste a fifth of Redis's memory, kvkit's 1020 KiB almost none") {
    SizeQuestion q;
    q.tokens = 512 * 1000;
    q.payload_bytes_per_token = 131'072;
    q.store = *find_value_store("redis");
    q.most_value_bytes = 0x1p20;
    CHECK(same(of(q).overhead, 0.25, 0.001));
    q.most_value_bytes = 1020 * 1024;
    CHECK(of(q).overhead < 0.005);
  }

  TEST_CASE("stores are known by name, figures are refused by name") {
    const auto unknown = find_value_store("reddis");
    REQUIRE_FALSE(unknown.has_value());
    CHECK(unknown.error().message == "unknown store 'reddis'");
    CHECK(unknown.error().hint == "did you mean redis? known: redis, valkey, dragonfly, serverless");
    for (const ValueStore& store : value_stores()) CHECK(find_value_store(store.name)->name == store.name);
    const auto refused = [](auto change, const std::string& name) {
      SizeQuestion q = question();
      change(q);
      const auto size = size_of(q);
      REQUIRE_FALSE(size.has_value());
      CHECK_MESSAGE(size.error().message.find("size: " + name) == 0, size.error().message);
    };
    refused([](SizeQuestion& q) { q.tokens = -1; }, "tokens must be from 0");
    refused([](SizeQuestion& q) { q.payload_bytes_per_token = std::nan(""); }, "payload bytes of a token");
    refused([](SizeQuestion& q) { q.stored_per_payload = 0; }, "stored bytes of a payload byte");
    refused([](SizeQuestion& q) { q.tokens_per_block = 0; }, "tokens of a block");
    refused([](SizeQuestion& q) { q.values_per_block = 0.5; }, "values of a block");
    refused([](SizeQuestion& q) { q.store.usable_share = 0; }, "the store's usable share");
    refused([](SizeQuestion& q) { q.fragmentation = std::numeric_limits<double>::infinity(); }, "fragmentation");
    refused([](SizeQuestion& q) { q.fork_share = 2; }, "the share copied by a fork");
    refused([](SizeQuestion& q) { q.shared_share = -0.1; }, "the shared share");
  }
}
