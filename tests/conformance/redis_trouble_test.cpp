#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <thread>

#include "backend/registry.hpp"
#include "backend/resp/redis.hpp"
#include "conformance/laws.hpp"
#include "support/private_redis.hpp"

using namespace kv;
using namespace kv::test;
using resp::Endpoint;
using resp::RedisBackend;
using resp::RedisOptions;

namespace {

constexpr std::size_t kBytes = 4096;

RedisOptions options(const Endpoint& endpoint, Duration ttl = std::chrono::hours(1)) {
  RedisOptions out;
  out.endpoint = endpoint;
  out.ttl.full = ttl;
  return out;
}

struct Client {
  RedisBackend backend;
  std::unique_ptr<Session> session;

  explicit Client(const Endpoint& endpoint, std::size_t bytes = kBytes, std::uint32_t parts = 1)
      : backend(options(endpoint)) {
    const auto started = backend.start(needs(parts, bytes));
    INFO((started ? "" : started.error().message));
    REQUIRE(started.has_value());
    auto opened = backend.open();
    REQUIRE(opened.has_value());
    session = std::move(*opened);
  }

  std::string key(std::uint64_t block) const { return backend.key_text({0xfeed, block}, 0); }
};

Error refused(const Endpoint& endpoint) {
  RedisBackend backend(options(endpoint));
  const auto started = backend.start(needs(1, kBytes));
  REQUIRE_FALSE(started.has_value());
  CHECK(started.error().code == Code::unavailable);
  return started.error();
}

/// What one GET of block 1 comes to.
Done get(Session& session) {
  Lease lease = look(session, {1}, kBytes);
  std::vector<std::byte> into(ValueHeader::kBytes + kBytes);
  const Op op{Op::Kind::get, 0, 0, std::span(into).first(ValueHeader::kBytes),
              std::span(into).subspan(ValueHeader::kBytes)};
  std::vector<Done> done;
  session.submit(lease, std::span(&op, 1), TimePoint::max());
  while (done.empty()) session.poll(done, TimePoint::max());
  session.finish(lease);
  return done[0];
}

bool mentions(const std::string& text, std::string_view what) { return text.find(what) != std::string::npos; }

}  // namespace

TEST_SUITE("redis trouble") {
  TEST_CASE("clear removes what this run wrote, by any session, and nothing else") {
    if (!have_redis()) return;
    const PrivateRedis server;
    server.ask({"SET", "somebody:else", "1"});
    server.ask({"SET", "kvkit:other-run:feed:1:0", "1"});
    Client client(server.over_unix());
    REQUIRE(store(*client.session, {1, 2, 3}, 1, kBytes) == 3);
    {
      auto gone = client.backend.open();  // what it wrote outlives it
      REQUIRE(gone.has_value());
      REQUIRE(store(**gone, {4, 5}, 1, kBytes) == 2);
    }
    CHECK(server.ask({"DBSIZE"}).integer == 2 + 5 * 2);  // a block is a manifest and a chunk
    CHECK(client.backend.clear().has_value());
    CHECK(server.ask({"DBSIZE"}).integer == 2);
    CHECK(server.ask({"EXISTS", "somebody:else", "kvkit:other-run:feed:1:0"}).integer == 2);
  }

  TEST_CASE("on a server of others' every value expires, and no setting changes") {
    if (!have_redis()) return;
    const PrivateRedis server;
    const auto settings = server.ask({"CONFIG", "GET", "maxmemory*"}).items;
    Client client(server.over_unix());
    REQUIRE(store(*client.session, {1}, 1, kBytes) == 1);
    const long long ttl_ms = server.ask({"PTTL", client.key(1)}).integer;
    CHECK(ttl_ms > 3'500'000);
    CHECK(ttl_ms <= 3'600'000);
    CHECK(server.ask({"CONFIG", "GET", "maxmemory*"}).items == settings);
    CHECK_FALSE(client.backend.stats()->evictions.has_value());
    CHECK_FALSE(client.backend.server().spawned);
  }

  TEST_CASE("clear falls back to DEL where UNLINK is not to be had") {
    if (!have_redis()) return;
    const PrivateRedis server({"rename-command UNLINK \"\""});
    Client client(server.over_unix());
    REQUIRE(store(*client.session, {1, 2}, 1, kBytes) == 2);
    CHECK(client.backend.clear().has_value());
    CHECK(server.ask({"DBSIZE"}).integer == 0);
  }

  TEST_CASE("values changed behind our back are corrupt or plainly other bytes, never a crash") {
    if (!have_redis()) return;
    const PrivateRedis server;
    Client client(server.over_unix());
    REQUIRE(store(*client.session, {1}, 1, kBytes) == 1);
    server.ask({"SET", client.key(1), "short"});
    CHECK(get(*client.session).outcome == Done::Outcome::corrupt);
    server.ask({"SET", client.key(1), std::string(100'000, 'x')});
    CHECK(get(*client.session).outcome == Done::Outcome::corrupt);
    server.ask({"DEL", client.key(1)});
    server.ask({"LPUSH", client.key(1), "a"});
    const Done wrong_type = get(*client.session);
    CHECK(wrong_type.outcome == Done::Outcome::corrupt);
    CHECK(mentions(wrong_type.error, "WRONGTYPE"));
    server.ask({"DEL", client.key(1)});
    CHECK(get(*client.session).outcome == Done::Outcome::miss);
  }

  TEST_CASE("a block that lost a chunk is a miss; what is left of it is removed and counted") {
    if (!have_redis()) return;
    std::vector<std::string> config;
    SUBCASE("by UNLINK") {}
    SUBCASE("by DEL where there is no UNLINK") { config = {"rename-command UNLINK \"\""}; }
    const PrivateRedis server(config);
    RedisOptions small = options(server.over_unix());
    small.chunk_bytes = 1000;
    small.connections = 2;
    RedisBackend backend(small);
    REQUIRE(backend.start(needs(1, kBytes)).has_value());
    auto session = std::move(*backend.open());
    REQUIRE(store(*session, {1}, 1, kBytes) == 1);
    const std::string key = backend.key_text({0xfeed, 1}, 0);
    CHECK(server.ask({"DBSIZE"}).integer == 1 + 5);  // 4096 = 4 x 1000 + 96
    CHECK(server.ask({"STRLEN", key + ":0:4"}).integer == 96);
    server.ask({"DEL", key + ":0:2"});
    CHECK(get(*session).outcome == Done::Outcome::miss);
    CHECK(server.ask({"DBSIZE"}).integer == 0);
    CHECK(backend.stats()->orphan_bytes == 24 + 72 + 4096 - 1000);
    CHECK(get(*session).outcome == Done::Outcome::miss);
    REQUIRE(store(*session, {1}, 1, kBytes) == 1);
    server.ask({"SET", key + ":0:4", "short"});
    CHECK(get(*session).outcome == Done::Outcome::corrupt);
    server.ask({"DEL", key});  // without its manifest it is not there, and the next store overwrites what is
    CHECK(get(*session).outcome == Done::Outcome::miss);
    REQUIRE(store(*session, {1}, 1, kBytes) == 1);
    CHECK(fetch(*session, 1, 1, kBytes));
  }

  TEST_CASE("chunks waste no more than 2 % of the server's memory") {
    if (!have_redis()) return;
    const PrivateRedis server;
    const auto allocator = server.ask({"INFO", "memory"}).text;
    if (allocator.find("mem_allocator:jemalloc") == std::string::npos) {
      MESSAGE("SKIPPED: this server does not allocate with jemalloc");
      return;
    }
    for (const std::size_t bytes : {std::size_t{1} << 20, std::size_t{1835008}, std::size_t{3} << 20,
                                    std::size_t{700'001}, std::size_t{16} << 20}) {
      CAPTURE(bytes);
      Client client(server.over_unix(), bytes);
      REQUIRE(store(*client.session, {1}, 1, bytes) == 1);
      long long used = server.ask({"MEMORY", "USAGE", client.key(1)}).integer;
      for (int chunk = 0; server.ask({"EXISTS", client.key(1) + ":0:" + std::to_string(chunk)}).integer == 1; ++chunk) {
        used += server.ask({"MEMORY", "USAGE", client.key(1) + ":0:" + std::to_string(chunk)}).integer;
      }
      CHECK(static_cast<double>(used) <= 1.02 * static_cast<double>(bytes));
      CHECK(used > static_cast<long long>(bytes));
      CHECK(client.backend.clear().has_value());
    }
  }

  TEST_CASE("a server killed in mid-run fails what is asked of it at once, and is found again") {
    if (!have_redis()) return;
    PrivateRedis server;
    Client client(server.over_unix());
    REQUIRE(store(*client.session, {1, 2}, 1, kBytes) == 2);
    Lease lease = look(*client.session, {1, 2}, kBytes);
    CHECK(lease.leading == 2);
    server.kill();
    const std::vector<BlockRef> refs = lease.blocks;
    for (int i = 0; i < 1000; ++i) {  // the first finds out, the others do not wait
      const auto found = client.session->acquire(refs, lease);
      REQUIRE_FALSE(found.has_value());
      CHECK(lease.leading == 0);
      std::vector<bool> accepted;
      client.session->admit(lease, accepted);
      client.session->finish(lease);
    }
    CHECK_FALSE(client.backend.clear().has_value());
    CHECK(client.backend.stats().has_value());
    server.start();
    bool back = false;
    for (int i = 0; i < 500 && !back; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      back = client.session->acquire(refs, lease).has_value();
    }
    CHECK(back);
    client.session->finish(lease);
    CHECK(store(*client.session, {1, 2}, 1, kBytes) == 2);
    CHECK(fetch(*client.session, 2, 1, kBytes));
    CHECK(client.backend.clear().has_value());
    CHECK(server.ask({"DBSIZE"}).integer == 0);
  }

  TEST_CASE("a server killed in mid-batch fails the rest of the batch") {
    if (!have_redis()) return;
    constexpr std::size_t kLarge = std::size_t{8} << 20;
    PrivateRedis server;
    Client client(server.over_unix(), kLarge);
    Lease lease = look(*client.session, {1, 2, 3, 4, 5, 6, 7, 8}, kLarge);
    std::vector<bool> accepted;
    client.session->admit(lease, accepted);
    std::vector<std::byte> value(ValueHeader::kBytes + kLarge);
    std::vector<Op> ops;
    for (std::uint32_t i = 0; i < 512; ++i) {
      ops.push_back({Op::Kind::put, i % 8, 0, std::span(value).first(ValueHeader::kBytes),
                     std::span(value).subspan(ValueHeader::kBytes)});
    }
    std::vector<Done> done;
    client.session->submit(lease, ops, TimePoint::max());
    while (done.empty()) client.session->poll(done, std::chrono::steady_clock::now() + std::chrono::milliseconds(1));
    server.kill();
    while (done.size() < ops.size()) client.session->poll(done, TimePoint::max());
    CHECK(done.front().outcome == Done::Outcome::stored);
    CHECK(done.back().outcome == Done::Outcome::failed);
    CHECK_FALSE(done.back().error.empty());
    client.session->finish(lease);
  }

  TEST_CASE("a server at its maxmemory refuses stores; the run goes on") {
    if (!have_redis()) return;
    const PrivateRedis server({"maxmemory 8mb", "maxmemory-policy noeviction"});
    Client client(server.over_unix(), std::size_t{1} << 20);
    std::size_t refused_stores = 0;
    for (std::uint64_t block = 0; block < 20; ++block) {
      Lease lease = look(*client.session, {block}, kBytes);
      std::vector<std::byte> value(ValueHeader::kBytes + (std::size_t{1} << 20));
      const Op op{Op::Kind::put, 0, 0, std::span(value).first(ValueHeader::kBytes),
                  std::span(value).subspan(ValueHeader::kBytes)};
      std::vector<Done> done;
      client.session->submit(lease, std::span(&op, 1), TimePoint::max());
      while (done.empty()) client.session->poll(done, TimePoint::max());
      if (done[0].outcome == Done::Outcome::skipped) {
        ++refused_stores;
        CHECK(mentions(done[0].error, "OOM"));
      }
      client.session->finish(lease);
    }
    CHECK(refused_stores >= 10);
    CHECK(refused_stores < 20);
    const auto stats = client.backend.stats();
    REQUIRE(stats);
    REQUIRE(stats->warnings.size() == 1);
    CHECK(mentions(stats->warnings[0], "maxmemory"));
    CHECK(mentions(stats->warnings[0], std::to_string(refused_stores)));
    CHECK(client.backend.server().eviction_policy == "noeviction");
    CHECK(client.backend.capabilities().capacity == 8_MiB);
    Client late(server.over_unix());  // a full server can still be measured
    CHECK(client.backend.clear().has_value());
  }

  TEST_CASE("no or a wrong password, an unknown user, a database too far: said before anything is measured") {
    if (!have_redis()) return;
    const PrivateRedis server({"requirepass right", "user reader on >secret ~* +get +exists +info",
                               "user stranger on >secret ~elsewhere:* +@all"});
    Endpoint endpoint = server.over_tcp();
    CHECK(RedisBackend(options(endpoint)).start(needs(1, kBytes)).has_value());

    endpoint.password = "wrong";
    CHECK(mentions(refused(endpoint).hint, "KVKIT_REDIS_PASSWORD"));
    CHECK_FALSE(mentions(refused(endpoint).message, "wrong "));
    endpoint.password.clear();
    CHECK(mentions(refused(endpoint).hint, "KVKIT_REDIS_PASSWORD"));
    endpoint.user = "nobody";
    endpoint.password = "right";
    CHECK(mentions(refused(endpoint).hint, "KVKIT_REDIS_USER"));
    endpoint.password = "secret";
    for (const char* user : {"reader", "stranger"}) {
      endpoint.user = user;
      CHECK(mentions(refused(endpoint).message, "NOPERM"));
      CHECK(mentions(refused(endpoint).hint, "KVKIT_REDIS_USER"));
    }
    endpoint = server.over_unix();
    endpoint.database = 99;
    CHECK(mentions(refused(endpoint).hint, "database"));
  }

  TEST_CASE("a user without INFO and CONFIG can measure; the server then stays unknown") {
    if (!have_redis()) return;
    const PrivateRedis server({"user plain on >secret ~kvkit:* +get +set +exists +unlink"});
    Endpoint endpoint = server.over_unix();
    endpoint.user = "plain";
    endpoint.password = "secret";
    Client client(endpoint);
    CHECK(store(*client.session, {1}, 1, kBytes) == 1);
    CHECK(client.backend.server().name.empty());
    CHECK_FALSE(client.backend.server().persistence.has_value());
    CHECK(client.backend.clear().has_value());
    CHECK(server.ask({"DBSIZE"}).integer == 0);
  }

  TEST_CASE("a replica that only reads is refused with advice") {
    if (!have_redis()) return;
    const PrivateRedis server;
    server.ask({"REPLICAOF", "127.0.0.1", "1"});
    CHECK(mentions(refused(server.over_unix()).hint, "primary"));
  }

  TEST_CASE("INFO and CONFIG fill what the report says of the server") {
    if (!have_redis()) return;
    const PrivateRedis server({"maxmemory 100mb", "maxmemory-policy allkeys-lfu", "appendonly yes", "io-threads 2"});
    const ServerInfo info = Client(server.over_unix()).backend.server();
    CHECK_FALSE(info.name.empty());
    CHECK_FALSE(info.version.empty());
    CHECK(info.allocator.has_value());
    CHECK(info.io_threads == 2);
    CHECK(info.eviction_policy == "allkeys-lfu");
    CHECK(info.persistence == "aof");
    CHECK(info.max_memory == 100_MiB);
  }

  TEST_CASE("user, password and database come from the SPEC and the environment") {
    if (!have_redis()) return;
    const PrivateRedis server({"requirepass right"});
    const std::string spec = "redis+unix://" + server.over_unix().socket_path + "?db=3";
    CHECK_FALSE(make(spec)->start(needs(1, kBytes)).has_value());
    setenv("KVKIT_REDIS_PASSWORD", "right", 1);
    auto backend = make(spec);
    unsetenv("KVKIT_REDIS_PASSWORD");
    REQUIRE(backend->start(needs(1, kBytes)).has_value());
    auto session = backend->open();
    REQUIRE(session.has_value());
    REQUIRE(store(**session, {1}, 1, kBytes) == 1);
    CHECK(server.ask({"DBSIZE"}).integer == 0);
    CHECK(mentions(server.ask({"INFO", "keyspace"}).text, "db3:keys=2"));
    CHECK(backend->clear().has_value());
  }

  TEST_CASE("chunks that no server takes and name spaces that no key should have are refused") {
    for (const char* query : {"chunk=255", "chunk=513MiB", "connections=0", "connections=65"}) {
      CAPTURE(query);
      CHECK(make_backend(*parse_backend("redis://localhost?" + std::string(query))).error().code == Code::bad_input);
    }
    RedisBackend backend(options({}));
    Needs odd = needs(1, kBytes);
    for (const char* name : {"", "a b", "a:b", "a\r\nFLUSHALL\r\n"}) {
      odd.name_space = name;
      CHECK(backend.start(odd).error().code == Code::bad_input);
    }
  }
}
