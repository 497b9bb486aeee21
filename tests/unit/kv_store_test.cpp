#include "store/kv_store.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include "base/random.hpp"
#include "support/scripted_backend.hpp"
#include "torch/kv_cache_abi.h"

using namespace kv;
using Stored = KvStore::Stored;

namespace {

using Bytestring = std::vector<std::byte>;

std::span<const std::byte> name(std::string_view text) { return std::as_bytes(std::span(text)); }

Bytestring some_kv(const KvTensors& tensors, std::uint64_t seed = 1) {
  Bytestring bytes(*tensors.bytes() / 2);
  Random random(seed);
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {  // bf16 of small magnitude
    bytes[i] = static_cast<std::byte>(random.below(256));
    bytes[i + 1] = static_cast<std::byte>(0x3c + random.below(4));
  }
  return bytes;
}

const KvTensors kSmall{Dtype::bf16, {1, 4, 16, 64}};

std::unique_ptr<KvStore> opened(KvStoreOptions options = {}) {
  if (options.backend == KvStoreOptions().backend) options.backend = "local:?capacity=8MiB";
  if (options.max_value == KvStoreOptions().max_value) options.max_value = 1_MiB;
  auto store = KvStore::open(options);
  REQUIRE_MESSAGE(store.has_value(), (store ? "" : store.error().message));
  return std::move(*store);
}

struct Got {
  bool found = false;
  KvTensors tensors;
  Bytestring k, v;
};

Result<Got> get(KvStore& store, std::string_view prefix, std::uint32_t layer) {
  Got got;
  Bytestring both;
  const auto found = store.get(name(prefix), layer, [&](const KvTensors& tensors) {
    got.tensors = tensors;
    both.resize(*tensors.bytes());
    return both.data();
  });
  if (!found) return error(found);
  got.found = *found;
  const auto half = static_cast<std::ptrdiff_t>(both.size() / 2);
  got.k.assign(both.begin(), both.begin() + half);
  got.v.assign(both.begin() + half, both.end());
  return got;
}

Result<Stored> put(KvStore& store, std::string_view prefix, std::uint32_t layer, const KvTensors& tensors,
                   std::uint64_t seed = 1) {
  const Bytestring k = some_kv(tensors, seed), v = some_kv(tensors, seed + 1);
  return store.put(name(prefix), layer, tensors, k.data(), v.data());
}

}  // namespace

TEST_SUITE("kv store") {
  TEST_CASE("what is put comes back, with its shape, under its prefix and layer only") {
    for (const char* codec : {"raw", "zstd", "shuffle+lz4"}) {
      CAPTURE(codec);
      KvStoreOptions options;
      options.codec = codec;
      const auto store = opened(options);
      CHECK(put(*store, "a", 3, kSmall) == Stored::stored);
      const auto got = get(*store, "a", 3);
      REQUIRE(got.has_value());
      REQUIRE(got->found);
      CHECK(got->tensors.dims == kSmall.dims);
      CHECK(got->tensors.dtype == Dtype::bf16);
      CHECK(got->k == some_kv(kSmall, 1));
      CHECK(got->v == some_kv(kSmall, 2));
      CHECK_FALSE(get(*store, "a", 4)->found);
      CHECK_FALSE(get(*store, "b", 3)->found);
      CHECK_FALSE(get(*store, "", 3)->found);
      CHECK_FALSE(get(*store, "a\n3", 3)->found);
    }
  }

  TEST_CASE("a prefix says what its KV is: what is there is not written again") {
    const auto store = opened();
    CHECK(put(*store, "a", 0, kSmall, 1) == Stored::stored);
    CHECK(put(*store, "a", 0, kSmall, 7) == Stored::present);
    CHECK(get(*store, "a", 0)->k == some_kv(kSmall, 1));
  }

  TEST_CASE("all types and odd sizes, one value in place of the other") {
    const auto store = opened();
    std::uint32_t layer = 0;
    for (const Dtype dtype : {Dtype::fp32, Dtype::bf16, Dtype::fp16}) {
      for (const std::array<std::uint64_t, 4> dims :
           {std::array<std::uint64_t, 4>{1, 1, 1, 1}, {2, 3, 5, 7}, {1, 8, 100, 80}}) {
        const KvTensors tensors{dtype, dims};
        ++layer;
        CHECK(put(*store, "p", layer, tensors, layer) == Stored::stored);
        const auto got = get(*store, "p", layer);
        REQUIRE((got && got->found));
        CHECK(got->tensors.dims == dims);
        CHECK(got->tensors.dtype == dtype);
        CHECK(got->k == some_kv(tensors, layer));
      }
    }
  }

  TEST_CASE("a lossy codec gives back the shape, and elements within its tolerance") {
    KvStoreOptions options;
    options.codec = "int8";
    const auto store = opened(options);
    CHECK(put(*store, "a", 0, kSmall) == Stored::stored);
    const auto got = get(*store, "a", 0);
    REQUIRE((got && got->found));
    CHECK(got->tensors.dims == kSmall.dims);
    CHECK(got->k.size() == some_kv(kSmall).size());
    CHECK(got->k != some_kv(kSmall));
  }

  TEST_CASE("a full backend evicts or refuses, and a lookup takes no room") {
    KvStoreOptions options;
    options.backend = "local:?capacity=2MiB";
    options.max_value = 512_KiB;
    const auto store = opened(options);
    const KvTensors quarter{Dtype::bf16, {1, 8, 128, 60}};  // 240 KiB
    for (std::uint32_t layer = 0; layer < 40; ++layer) CHECK(put(*store, "a", layer, quarter) == Stored::stored);
    int found = 0;
    for (std::uint32_t layer = 0; layer < 1000; ++layer) found += get(*store, "a", layer)->found ? 1 : 0;
    CHECK(found >= 4);
    CHECK(found <= 8);
    CHECK(get(*store, "a", 39)->found);
    options.backend = "null:";
    CHECK(put(*opened(options), "a", 0, kSmall) == Stored::no_room);
  }

  TEST_CASE("tensors that cannot be are refused: nothing in them, other types, sizes beyond 64 bits, too large") {
    const auto store = opened();
    const std::byte none{};
    const auto refusal = [&](const KvTensors& tensors) {
      const auto stored = store->put(name("a"), 0, tensors, &none, &none);
      REQUIRE_FALSE(stored.has_value());
      CHECK(stored.error().code == Code::bad_input);
      return stored.error().message;
    };
    CHECK(refusal({Dtype::bf16, {1, 0, 16, 64}}) == "K and V of [1, 0, 16, 64] have nothing to store");
    refusal({Dtype::int8, {1, 4, 16, 64}});
    refusal({static_cast<Dtype>(77), {1, 4, 16, 64}});
    refusal({Dtype::bf16, {1ULL << 32, 1ULL << 32, 16, 64}});
    CHECK(refusal({Dtype::bf16, {1, 8, 1024, 64}}) ==
          "K and V of [1, 8, 1024, 64] are 2.0 MiB, which may encode to more than the 1.0 MiB that a value may have");
    refusal({Dtype::bf16, {1, 1ULL << 50, 1, 1}});
  }

  TEST_CASE("options that cannot be are refused when opening") {
    const auto why = [](KvStoreOptions options) {
      const auto store = KvStore::open(options);
      return store ? std::string() : store.error().message;
    };
    KvStoreOptions options;
    options.backend = "lokal:";
    CHECK(why(options).find("lokal") != std::string::npos);
    options = {};
    options.codec = "zip";
    CHECK(why(options).find("zip") != std::string::npos);
    options = {};
    options.max_value = Bytes(64);
    CHECK(why(options) == "values of up to 64 B are not within 65 bytes to 64.0 GiB");
    options.max_value = Bytes(~std::uint64_t{0});
    CHECK(why(options).find("are not within") != std::string::npos);
  }

  TEST_CASE("KV of another model or codec is not found; a value that was swapped or changed is corrupt") {
    std::vector<std::byte> first_header, first_body;
    enum class Harm { none, body, swapped, frame } harm = Harm::none;
    auto backend = std::make_unique<test::ScriptedBackend>();
    backend->script.on_put = [&](std::vector<std::byte>& header, std::vector<std::byte>& body) {
      if (first_header.empty()) {
        first_header = header;
        first_body = body;
      } else if (harm == Harm::swapped) {
        header = first_header;
        body = first_body;
      }
      if (harm == Harm::body) body[1000] ^= std::byte{1};
      if (harm != Harm::frame) return;
      const std::span<std::byte, ValueHeader::kBytes> bytes(header.data(), ValueHeader::kBytes);
      ValueHeader read = *read_header(bytes);
      body[16] ^= std::byte{3};  // heads
      read.body_xxh3 = body_checksum(body);
      write_header(read, bytes);
    };
    auto store = *KvStore::open({}, std::move(backend));
    std::uint32_t layer = 0;
    for (const Harm harmed : {Harm::none, Harm::body, Harm::swapped, Harm::frame}) {
      harm = harmed;
      ++layer;
      CHECK(put(*store, "a", layer, kSmall) == Stored::stored);
      const auto got = get(*store, "a", layer);
      CHECK(got.has_value() == (harm == Harm::none));
      if (!got) CHECK(got.error().code == Code::corrupt);
    }
  }

  TEST_CASE("failures of the backend are errors, a miss is none, and the store goes on") {
    auto backend = std::make_unique<test::ScriptedBackend>();
    test::Script& script = backend->script;
    auto store = *KvStore::open({}, std::move(backend));
    script.lookup_fails = true;
    CHECK(put(*store, "a", 0, kSmall).error().code == Code::io);
    CHECK(get(*store, "a", 0).error().message == "nobody answers");
    script.lookup_fails = false;
    CHECK_FALSE(get(*store, "a", 0)->found);
    std::uint64_t block = 0;
    script.on_op = [&](const Op&, std::uint64_t id) {
      block = id;
      script.failing_puts = {id};
    };
    CHECK(put(*store, "a", 0, kSmall).error().message == "KV could not be stored: the disk is full");
    script.on_op = nullptr;
    script.failing_puts.clear();
    CHECK(put(*store, "a", 0, kSmall) == Stored::stored);
    script.failing_gets = {block};
    CHECK(get(*store, "a", 0).error().message == "KV could not be fetched: the line is dead");
    script.failing_gets.clear();
    script.refused = {block};
    CHECK(get(*store, "a", 0)->found);
    const auto nowhere = store->get(name("a"), 0, [](const KvTensors&) { return nullptr; });
    CHECK(nowhere.error().code == Code::unavailable);
  }

  TEST_CASE("a frame is what it was written as, whatever else it is refused") {
    Bytestring body(TensorFrame::kBytes);
    const std::span<std::byte, TensorFrame::kBytes> bytes(body.data(), TensorFrame::kBytes);
    write_frame({{Dtype::fp16, {1, 2, 3, 4}}, 0x1122}, bytes);
    CHECK(std::memcmp(body.data(), "KVTENSOR", 8) == 0);
    const auto frame = read_frame(body, 3, 96);  // 2 x 24 elements of 2 bytes
    REQUIRE(frame.has_value());
    CHECK(frame->tensors.dims == std::array<std::uint64_t, 4>{1, 2, 3, 4});
    CHECK(frame->check == 0x1122);
    CHECK_FALSE(read_frame(body, 3, 97).has_value());
    CHECK_FALSE(read_frame(body, 1, 96).has_value());
    CHECK_FALSE(read_frame(body, 5, 96).has_value());
    CHECK_FALSE(read_frame(std::span(body).first(63), 3, 96).has_value());
    for (const std::size_t at : {0U, 7U, 8U, 15U, 31U, 48U, 63U}) {
      Bytestring other = body;
      other[at] ^= std::byte{0x40};
      CHECK_FALSE(read_frame(other, 3, 96).has_value());
    }
  }

  TEST_CASE("through plain C: the same, errors as text, cut where too long") {
    KvKitError why{};
    KvKitStore* store = nullptr;
    const std::string endless(5000, 'x');
    KvKitStoreOptions options{endless.c_str(), "raw", "torch", "", 1 << 20};
    CHECK(kvkit_store_open(&options, &store, &why) == -1);
    CHECK(why.code == static_cast<int>(Code::bad_input));
    CHECK(std::strlen(why.message) < sizeof why.message);
    options.backend = "local:?capacity=8MiB";
    REQUIRE(kvkit_store_open(&options, &store, &why) == 0);
    const KvKitTensors tensors{2, 0, {1, 4, 16, 64}};
    const Bytestring k = some_kv(kSmall, 1), v = some_kv(kSmall, 2);
    int outcome = -1, found = -1;
    CHECK(kvkit_store_put(store, "a", 1, 0, &tensors, k.data(), v.data(), &outcome, &why) == 0);
    CHECK(outcome == KVKIT_STORED);
    CHECK(kvkit_store_put(store, "a", 1, 0, &tensors, k.data(), v.data(), &outcome, &why) == 0);
    CHECK(outcome == KVKIT_PRESENT);
    Bytestring both(k.size() * 2);
    const KvKitPlace place = [](void* user, const KvKitTensors* t, std::uint64_t bytes) -> void* {
      auto& into = *static_cast<Bytestring*>(user);
      return t->dims[3] == 64 && bytes == into.size() ? into.data() : nullptr;
    };
    CHECK(kvkit_store_get(store, "b", 1, 0, place, &both, &found, &why) == 0);
    CHECK(found == 0);
    CHECK(kvkit_store_get(store, "a", 1, 0, place, &both, &found, &why) == 0);
    CHECK(found == 1);
    CHECK(std::equal(k.begin(), k.end(), both.begin()));
    CHECK(std::equal(v.begin(), v.end(), both.begin() + static_cast<std::ptrdiff_t>(k.size())));
    both.resize(1);
    CHECK(kvkit_store_get(store, "a", 1, 0, place, &both, &found, &why) == -1);
    CHECK(why.code == static_cast<int>(Code::unavailable));
    const KvKitTensors wrong{258, 0, {1, 4, 16, 64}};
    CHECK(kvkit_store_put(store, "c", 1, 0, &wrong, k.data(), v.data(), &outcome, &why) == -1);
    kvkit_store_close(store);
    kvkit_store_close(nullptr);
  }
}
