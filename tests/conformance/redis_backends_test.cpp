#include <doctest/doctest.h>

#include <memory>

#include "backend/resp/redis.hpp"
#include "conformance/laws.hpp"
#include "support/private_redis.hpp"

using namespace kv;
using namespace kv::test;
using resp::RedisBackend;
using resp::RedisOptions;

namespace {

std::unique_ptr<Backend> client(const resp::Endpoint& endpoint) {
  RedisOptions options;
  options.endpoint = endpoint;
  options.ttl = std::chrono::hours(1);
  return std::make_unique<RedisBackend>(std::move(options));
}

}  // namespace

TEST_SUITE("redis backends") {
  TEST_CASE("redis over a unix socket keeps the laws") {
    if (!have_redis()) return;
    const PrivateRedis server;
    keeps_the_laws({[&] { return client(server.over_unix()); }, true});
    CHECK(server.ask({"DBSIZE"}).integer <= 10);  // laws that clear leave nothing, the others a few small blocks
  }

  TEST_CASE("redis over TCP keeps the laws") {
    if (!have_redis()) return;
    const PrivateRedis server;
    keeps_the_laws({[&] { return client(server.over_tcp()); }, true});
  }

  TEST_CASE("spawn+redis keeps the laws") {
    if (!have_redis()) return;
    keeps_the_laws({[] { return make("spawn+redis:?maxmemory=256MiB"); }, true});
  }

  TEST_CASE("spawn+redis over TCP keeps the laws") {
    if (!have_redis()) return;
    keeps_the_laws({[] { return make("spawn+redis:?maxmemory=256MiB&transport=tcp"); }, true});
  }

  TEST_CASE("spawn+redis stays within its maxmemory") {
    if (!have_redis()) return;
    // Some 40 blocks of 1 MiB, which cost 1.25 MiB each in jemalloc's size classes.
    const auto backend = make("spawn+redis:?maxmemory=50MiB");
    stays_within_capacity(*backend, std::size_t{1} << 20,
                          54_MiB);  // while a value is taken in, it counts beside the others
  }
}
