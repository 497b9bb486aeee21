#include <doctest/doctest.h>

#include <thread>

#include "store/kv_store.hpp"
#include "support/private_redis.hpp"

using namespace kv;
using namespace kv::test;

namespace {

using Stored = KvStore::Stored;

const KvTensors kTensors{Dtype::fp32, {1, 8, 300, 64}};  // 1.2 MB, so more than one chunk

std::vector<std::byte> filled(std::byte with) { return std::vector<std::byte>(*kTensors.bytes() / 2, with); }

std::span<const std::byte> name(std::string_view text) { return std::as_bytes(std::span(text)); }

std::unique_ptr<KvStore> opened(const PrivateRedis& server, const std::string& model = "", Bytes most = 4_MiB) {
  KvStoreOptions options;
  options.backend = "redis+unix://" + server.over_unix().socket_path;
  options.codec = "zstd";
  options.model = model;
  options.max_value = most;
  auto store = KvStore::open(options);
  REQUIRE_MESSAGE(store.has_value(), (store ? "" : store.error().message));
  return std::move(*store);
}

Result<bool> find(KvStore& store, std::vector<std::byte>& both) {
  return store.get(name("prefix"), 3, [&](const KvTensors& tensors) {
    both.resize(*tensors.bytes());
    return both.data();
  });
}

}  // namespace

TEST_SUITE("kv store on redis") {
  TEST_CASE("what one program stores another finds, and outlives the first; of another model it is not there") {
    if (!have_redis()) return;
    const PrivateRedis server;
    const std::vector<std::byte> k = filled(std::byte{1}), v = filled(std::byte{2});
    CHECK(opened(server)->put(name("prefix"), 3, kTensors, k.data(), v.data()) == Stored::stored);
    std::vector<std::byte> both;
    CHECK(find(*opened(server), both) == true);
    CHECK(std::equal(k.begin(), k.end(), both.begin()));
    CHECK(std::equal(v.begin(), v.end(), both.begin() + static_cast<std::ptrdiff_t>(k.size())));
    CHECK(find(*opened(server, "another"), both) == false);
    CHECK(opened(server)->put(name("prefix"), 3, kTensors, v.data(), k.data()) == Stored::present);
  }

  TEST_CASE("a server that dies is an error, one that is back is used again, and forgot what it held") {
    if (!have_redis()) return;
    PrivateRedis server;
    const std::vector<std::byte> k = filled(std::byte{1});
    const auto store = opened(server);
    CHECK(store->put(name("prefix"), 3, kTensors, k.data(), k.data()) == Stored::stored);
    server.kill();
    std::vector<std::byte> both;
    CHECK_FALSE(find(*store, both).has_value());
    CHECK_FALSE(store->put(name("prefix"), 3, kTensors, k.data(), k.data()).has_value());
    server.start();
    Result<bool> found = find(*store, both);
    for (int i = 0; i < 500 && !found; ++i) {  // it is not asked again at once
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      found = find(*store, both);
    }
    CHECK(found == false);
    CHECK(store->put(name("prefix"), 3, kTensors, k.data(), k.data()) == Stored::stored);
    CHECK(find(*store, both) == true);
  }

  TEST_CASE("values are told apart from what somebody else put under their name") {
    if (!have_redis()) return;
    const PrivateRedis server;
    const std::vector<std::byte> k = filled(std::byte{1});
    const auto store = opened(server);
    CHECK(store->put(name("prefix"), 3, kTensors, k.data(), k.data()) == Stored::stored);
    server.ask({"EVAL",
                "for _, k in ipairs(redis.call('keys', 'kvkit:torch:*')) do redis.call('setrange', k, 8, 'xxxx') end",
                "0"});
    std::vector<std::byte> both;
    const auto found = find(*store, both);
    CHECK((!found.has_value() || !*found));
  }
}
