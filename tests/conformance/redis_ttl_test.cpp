#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <thread>

#include "backend/resp/redis.hpp"
#include "conformance/laws.hpp"
#include "support/private_redis.hpp"

using namespace kv;
using namespace kv::test;
using resp::Endpoint;
using resp::RedisBackend;
using resp::RedisOptions;
using resp::TtlMode;
using resp::TtlRule;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kBytes = 4096;
constexpr long long kHourMs = 3'600'000, kPatienceMs = 20'000;  // that a busy machine may take over a few commands

TtlRule an_hour(TtlMode mode) { return {std::chrono::hours(1), mode}; }

/// 4096 bytes are five chunks here, over two connections.
struct Client {
  RedisBackend backend;
  std::unique_ptr<Session> session;

  Client(const Endpoint& endpoint, const TtlRule& ttl) : backend(options(endpoint, ttl)) {
    const auto started = backend.start(needs(1, kBytes));
    INFO((started ? "" : started.error().message));
    REQUIRE(started.has_value());
    auto opened = backend.open();
    REQUIRE(opened.has_value());
    session = std::move(*opened);
  }

  static RedisOptions options(const Endpoint& endpoint, const TtlRule& ttl) {
    RedisOptions out;
    out.endpoint = endpoint;
    out.ttl = ttl;
    out.chunk_bytes = 1000;
    out.connections = 2;
    return out;
  }

  std::string manifest(std::uint64_t block) const { return backend.key_text({0xfeed, block}, 0); }
  std::string chunk(std::uint64_t block, int i) const { return manifest(block) + ":0:" + std::to_string(i); }
  /// A request that finds what is there and stores nothing.
  std::vector<bool> use(const std::vector<std::uint64_t>& blocks) const {
    Lease lease = look(*session, blocks, kBytes);
    session->finish(lease);
    return lease.present;
  }
  LifetimeCounts counts() { return backend.stats()->lifetimes; }
};

long long ttl_ms(const PrivateRedis& server, const std::string& key) { return server.ask({"PTTL", key}).integer; }

/// Manifest and chunks have `left_ms` left: as if their time had nearly come.
void age(const PrivateRedis& server, const Client& client, std::uint64_t block, const std::string& left_ms) {
  REQUIRE(server.ask({"PEXPIRE", client.manifest(block), left_ms}).integer == 1);
  for (int i = 0; i < 5; ++i) REQUIRE(server.ask({"PEXPIRE", client.chunk(block, i), left_ms}).integer == 1);
}

bool mentions(const std::string& text, std::string_view what) { return text.find(what) != std::string::npos; }

bool about(long long ms, long long expected_ms) { return ms <= expected_ms && ms > expected_ms - kPatienceMs; }

}  // namespace

TEST_SUITE("redis ttl") {
  TEST_CASE("no manifest outlives its chunks, in any mode") {
    if (!have_redis()) return;
    const PrivateRedis server;
    for (const TtlMode mode : {TtlMode::fixed, TtlMode::sliding, TtlMode::depth}) {
      Client client(server.over_unix(), an_hour(mode));
      REQUIRE(store(*client.session, {1}, 1, kBytes) == 1);
      const auto check = [&] {
        CHECK(about(ttl_ms(server, client.manifest(1)), kHourMs));
        for (int i = 0; i < 5; ++i) {
          CHECK(about(ttl_ms(server, client.chunk(1, i)), kHourMs + 10'000));
          CHECK(ttl_ms(server, client.chunk(1, i)) > ttl_ms(server, client.manifest(1)));
        }
      };
      check();
      client.use({1});
      check();
      CHECK(client.backend.clear().has_value());
    }
  }

  TEST_CASE("a use renews a sliding ttl of manifest and chunks, under any policy, and no other ttl") {
    if (!have_redis()) return;
    for (const char* policy : {"noeviction", "allkeys-lru", "volatile-ttl"}) {
      for (const TtlMode mode : {TtlMode::fixed, TtlMode::sliding, TtlMode::depth}) {
        CAPTURE(policy);
        CAPTURE(static_cast<int>(mode));
        const PrivateRedis server({"maxmemory 100mb", std::string("maxmemory-policy ") + policy});
        Client client(server.over_unix(), an_hour(mode));
        REQUIRE(store(*client.session, {1, 2, 3}, 1, kBytes) == 3);
        if (mode == TtlMode::sliding) CHECK(client.counts().renewals == 0U);  // what was just stored has its ttl
        for (const std::uint64_t block : {1, 2, 3}) age(server, client, block, "60000");
        CHECK(client.use({1, 2}) == std::vector<bool>{true, true});
        const bool renews = mode == TtlMode::sliding;
        for (const std::uint64_t block : {1, 2}) {
          CHECK(about(ttl_ms(server, client.manifest(block)), renews ? kHourMs : 60'000));
          for (int i = 0; i < 5; ++i) {
            CHECK(about(ttl_ms(server, client.chunk(block, i)), renews ? kHourMs + 10'000 : 60'000));
          }
        }
        CHECK(about(ttl_ms(server, client.manifest(3)), 60'000));
        CHECK(client.counts().renewals == (renews ? std::optional<std::uint64_t>(2) : std::nullopt));
      }
    }
  }

  TEST_CASE("a sliding ttl keeps a block that is used beyond its ttl, and one that is not used goes") {
    if (!have_redis()) return;
    const PrivateRedis server;
    Client client(server.over_unix(), {milliseconds(2000), TtlMode::sliding});
    REQUIRE(store(*client.session, {1}, 1, kBytes) == 1);
    REQUIRE(store(*client.session, {2}, 1, kBytes) == 1);
    for (int i = 0; i < 15; ++i) {
      std::this_thread::sleep_for(milliseconds(200));
      client.use({1});
    }
    CHECK(fetch(*client.session, 1, 1, kBytes));
    CHECK(client.use({2}) == std::vector<bool>{false});
    CHECK(client.counts().expired_lookups == 1U);
    CHECK(client.counts().lost_lookups == 0U);
    CHECK(client.counts().renewals >= 15U);
    CHECK(client.backend.stats()->warnings.empty());
    CHECK(client.backend.clear().has_value());
    CHECK(client.counts().expired_lookups == 0U);
    CHECK(client.counts().renewals == 0U);
  }

  TEST_CASE("a renewal is a use for the server's LRU") {
    if (!have_redis()) return;
    const PrivateRedis server({"maxmemory 100mb", "maxmemory-policy allkeys-lru"});
    Client client(server.over_unix(), an_hour(TtlMode::sliding));
    REQUIRE(store(*client.session, {1, 2, 9}, 1, kBytes) == 3);
    std::this_thread::sleep_for(milliseconds(2100));  // Redis counts idleness in seconds
    client.use({1, 2});
    const auto idle_s = [&](const std::string& key) { return server.ask({"OBJECT", "IDLETIME", key}).integer; };
    for (const std::uint64_t block : {1, 2}) {
      CHECK(idle_s(client.manifest(block)) < idle_s(client.manifest(9)));
      for (int i = 0; i < 5; ++i) CHECK(idle_s(client.chunk(block, i)) < idle_s(client.chunk(9, i)));
    }
  }

  TEST_CASE("by depth: deeper blocks live shorter, down to the least") {
    if (!have_redis()) return;
    const PrivateRedis server;
    Client client(server.over_unix(), {std::chrono::hours(1), TtlMode::depth, 2, std::chrono::minutes(10)});
    REQUIRE(store(*client.session, {1, 2, 3, 4, 5, 6, 7, 8}, 1, kBytes) == 8);
    const long long expected_s[] = {3600, 3600, 1800, 1800, 900, 900, 600, 600};  // 3600 / 8 = 450 is below the least
    for (std::uint64_t block = 1; block <= 8; ++block) {
      CAPTURE(block);
      CHECK(about(ttl_ms(server, client.manifest(block)), expected_s[block - 1] * 1000));
      CHECK(about(ttl_ms(server, client.chunk(block, 4)), expected_s[block - 1] * 1000 + 10'000));
    }
  }

  TEST_CASE("by depth: a tail that has expired is a lookup in vain, and is counted as such") {
    if (!have_redis()) return;
    const PrivateRedis server;
    Client client(server.over_unix(), {std::chrono::hours(1), TtlMode::depth, 1, milliseconds(1000)});
    std::vector<std::uint64_t> blocks(40);
    std::iota(blocks.begin(), blocks.end(), 1);
    REQUIRE(store(*client.session, blocks, 1, kBytes) == 40);
    std::this_thread::sleep_for(milliseconds(1200));
    const std::vector<bool> present = client.use(blocks);
    const auto missing = static_cast<std::uint64_t>(std::count(present.begin(), present.end(), false));
    CHECK(missing >= 28);  // from 12 halvings on, 3600 s / 4096 is below the least
    CHECK(std::count(present.begin(), present.begin() + 5, true) == 5);  // 225 s and more
    CHECK(client.counts().expired_lookups == missing);
    CHECK(client.counts().lost_lookups == 0U);
    CHECK_FALSE(client.counts().renewals.has_value());
  }

  TEST_CASE("a block that was removed before its time is lost, with or without a ttl; one never stored is neither") {
    if (!have_redis()) return;
    const PrivateRedis server;
    for (const TtlRule& rule : {an_hour(TtlMode::fixed), TtlRule{}}) {
      Client client(server.over_unix(), rule);
      REQUIRE(store(*client.session, {1, 2}, 1, kBytes) == 2);
      server.ask({"DEL", client.manifest(2)});
      client.use({1, 2, 3});
      CHECK(client.counts().lost_lookups == 1U);
      CHECK(client.counts().expired_lookups == (rule.full ? std::optional<std::uint64_t>(0) : std::nullopt));
      CHECK_FALSE(client.counts().expired_values.has_value());  // not our server: what it expires may be others'
      CHECK_FALSE(client.counts().evicted_values.has_value());
      CHECK(client.backend.clear().has_value());
    }
  }

  TEST_CASE("a user without +pexpire is told at the start, is served, and TOUCH takes its place") {
    if (!have_redis()) return;
    const PrivateRedis server({"maxmemory 100mb", "maxmemory-policy allkeys-lru",
                               "user plain on >secret ~kvkit:* +get +set +exists +unlink +touch +info"});
    Endpoint endpoint = server.over_unix();
    endpoint.user = "plain";
    endpoint.password = "secret";
    CHECK(Client(endpoint, an_hour(TtlMode::fixed)).backend.stats()->warnings.empty());
    Client client(endpoint, an_hour(TtlMode::sliding));
    REQUIRE(store(*client.session, {1}, 1, kBytes) == 1);
    server.ask({"CONFIG", "RESETSTAT"});
    age(server, client, 1, "60000");
    client.use({1});
    CHECK(about(ttl_ms(server, client.manifest(1)), 60'000));
    CHECK(client.counts().renewals == 0U);
    CHECK(mentions(server.ask({"INFO", "commandstats"}).text, "cmdstat_touch:calls=1,"));
    const auto warnings = client.backend.stats()->warnings;
    REQUIRE(warnings.size() == 1);
    CHECK(mentions(warnings[0], "NOPERM"));
    CHECK(mentions(warnings[0], "+pexpire"));
  }

  TEST_CASE("a user who loses +pexpire in mid-run is not asked again, and that is told") {
    if (!have_redis()) return;
    const PrivateRedis server({"user plain on >secret ~kvkit:* +get +set +exists +unlink +touch +info +pexpire"});
    Endpoint endpoint = server.over_unix();
    endpoint.user = "plain";
    endpoint.password = "secret";
    Client client(endpoint, an_hour(TtlMode::sliding));
    REQUIRE(store(*client.session, {1}, 1, kBytes) == 1);
    client.use({1});
    CHECK(client.counts().renewals == 1U);
    CHECK(client.backend.stats()->warnings.empty());
    server.ask({"ACL", "SETUSER", "plain", "-pexpire"});
    server.ask({"CONFIG", "RESETSTAT"});
    for (int i = 0; i < 3; ++i) client.use({1});
    CHECK(mentions(server.ask({"INFO", "commandstats"}).text,
                   "cmdstat_pexpire:calls=0,usec=0,usec_per_call=0.00,rejected_calls=6,"));
    CHECK(client.counts().renewals == 1U);
    CHECK(client.backend.stats()->warnings.size() == 1);
    CHECK(fetch(*client.session, 1, 1, kBytes));
  }

  TEST_CASE("a server of our own says how many values it expired and evicted") {
    if (!have_redis()) return;
    const auto backend = make("spawn+redis:?maxmemory=64MiB&ttl=200ms");
    REQUIRE(backend->start(needs(1, kBytes)).has_value());
    auto session = std::move(*backend->open());
    REQUIRE(store(*session, {1, 2, 3}, 1, kBytes) == 3);
    std::this_thread::sleep_for(milliseconds(300));
    Lease lease = look(*session, {1, 2, 3}, kBytes);
    session->finish(lease);
    const LifetimeCounts counts = backend->stats()->lifetimes;
    CHECK(counts.expired_lookups == 3U);
    CHECK(counts.expired_values >= 3U);
    CHECK(counts.expired_values <= 6U);
    CHECK(counts.evicted_values == 0U);
    CHECK(backend->clear().has_value());
    CHECK(backend->stats()->lifetimes.expired_values == 0U);
  }
}
