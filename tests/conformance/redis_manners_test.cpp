#include <doctest/doctest.h>
#include <signal.h>

#include <memory>
#include <thread>

#include "backend/resp/redis.hpp"
#include "conformance/laws.hpp"
#include "support/fake_server.hpp"
#include "support/private_redis.hpp"

using namespace kv;
using namespace kv::test;
using resp::Endpoint;
using resp::RedisBackend;
using resp::RedisOptions;

namespace {

constexpr std::size_t kBytes = 4096;

RedisOptions options(const Endpoint& endpoint, Duration timeout = std::chrono::seconds(10)) {
  RedisOptions out;
  out.endpoint = endpoint;
  out.ttl.full = std::chrono::hours(1);
  out.timeout = timeout;
  return out;
}

struct Client {
  RedisBackend backend;
  std::unique_ptr<Session> session;

  explicit Client(const RedisOptions& how, const std::atomic<bool>* stop = nullptr) : backend(how) {
    Needs wanted = needs(1, kBytes);
    wanted.stop = stop;
    REQUIRE(backend.start(wanted).has_value());
    auto opened = backend.open();
    REQUIRE(opened.has_value());
    session = std::move(*opened);
  }

  std::string key(std::uint64_t block) const { return backend.key_text({0xfeed, block}, 0); }
};

bool mentions(const std::string& text, std::string_view what) { return text.find(what) != std::string::npos; }

bool was_touched(const PrivateRedis& server) {
  return mentions(server.ask({"INFO", "commandstats"}).text, "cmdstat_touch:");
}

}  // namespace

TEST_SUITE("redis manners") {
  TEST_CASE("blocks that a request only looked at are touched, so that a chain does not age at its head") {
    if (!have_redis()) return;
    const PrivateRedis server({"maxmemory 100mb", "maxmemory-policy allkeys-lru"});
    Client client(options(server.over_unix()));
    REQUIRE(store(*client.session, {1, 2, 9}, 1, kBytes) == 3);
    std::this_thread::sleep_for(std::chrono::milliseconds(2100));  // Redis counts idleness in seconds
    Lease lease = look(*client.session, {1, 2}, kBytes);
    client.session->finish(lease);
    const auto idle = [&](std::uint64_t block) {
      return server.ask({"OBJECT", "IDLETIME", client.key(block)}).integer;
    };
    CHECK(idle(1) < idle(9));
    CHECK(idle(2) < idle(9));
  }

  TEST_CASE("a server whose policy does not look at use is spared the touches; a user without +touch is served") {
    if (!have_redis()) return;
    for (const char* policy : {"noeviction", "volatile-ttl", "allkeys-random", "allkeys-lfu"}) {
      CAPTURE(policy);
      const PrivateRedis server({"maxmemory 100mb", std::string("maxmemory-policy ") + policy});
      Client client(options(server.over_unix()));
      REQUIRE(store(*client.session, {1, 2}, 1, kBytes) == 2);
      CHECK(was_touched(server) == (std::string_view(policy) == "allkeys-lfu"));
    }
    const PrivateRedis server({"maxmemory 100mb", "maxmemory-policy allkeys-lru",
                               "user plain on >secret ~kvkit:* +get +set +exists +unlink"});
    Endpoint endpoint = server.over_unix();
    endpoint.user = "plain";
    endpoint.password = "secret";
    Client client(options(endpoint));
    REQUIRE(store(*client.session, {1, 2}, 1, kBytes) == 2);
    CHECK(fetch(*client.session, 2, 1, kBytes));
    CHECK(client.backend.clear().has_value());
  }

  TEST_CASE("whatever a server answers at the start, the error says which server it was") {
    struct Answer {
      const char *said, *message;
    };
    for (const auto& [said, message] :
         {Answer{"-NOPERM no\r\n", "NOPERM"}, Answer{"-LOADING wait\r\n", "LOADING"},
          Answer{"HTTP/1.1 400 Bad Request\r\n\r\n", "protocol error"}, Answer{"", "no answer"}}) {
      INFO(said);
      const FakeServer server({{FakeServer::reads("EXISTS\r\n"), FakeServer::sends(said), FakeServer::holds()}});
      const auto started =
          RedisBackend(options(server.endpoint(), std::chrono::milliseconds(100))).start(needs(1, kBytes));
      REQUIRE_FALSE(started.has_value());
      CHECK(mentions(started.error().message, server.socket_path()));
      CHECK(mentions(started.error().message, message));
    }
  }

  TEST_CASE("a server that falls silent is not asked once more") {
    const FakeServer::Script silent_at_info{FakeServer::reads(":hello\r\n"), FakeServer::sends(":0\r\n"),
                                            FakeServer::reads("10000\r\n"),  FakeServer::sends("+OK\r\n"),
                                            FakeServer::reads(":hello\r\n"), FakeServer::sends("$5\r\nhello\r\n"),
                                            FakeServer::reads(":hello\r\n"), FakeServer::sends(":1\r\n"),
                                            FakeServer::reads("INFO\r\n"),   FakeServer::holds()};
    const FakeServer server({silent_at_info, {FakeServer::holds()}});
    const auto started =
        RedisBackend(options(server.endpoint(), std::chrono::milliseconds(100))).start(needs(1, kBytes));
    REQUIRE_FALSE(started.has_value());
    CHECK(mentions(started.error().message, "no answer within 100 ms"));
    CHECK(server.connections() == 1);
  }

  TEST_CASE("once the run is to stop, clear does not wait for a stalled server") {
    if (!have_redis()) return;
    const PrivateRedis server;
    std::atomic<bool> stop = false;
    // An hour: without looking at `stop` this would not end.
    Client client(options(server.over_unix(), std::chrono::hours(1)), &stop);
    REQUIRE(store(*client.session, {1, 2}, 1, kBytes) == 2);
    ::kill(server.pid(), SIGSTOP);
    stop = true;
    const auto cleared = client.backend.clear();
    ::kill(server.pid(), SIGCONT);
    REQUIRE_FALSE(cleared.has_value());
    CHECK(cleared.error().code == Code::interrupted);
    CHECK(mentions(cleared.error().message, server.over_unix().socket_path));
  }
}
