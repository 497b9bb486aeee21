#include <doctest/doctest.h>

#include "conformance/laws.hpp"
#include "conformance/subjects.hpp"
#include "support/private_redis.hpp"

using namespace kv;
using namespace kv::test;

TEST_SUITE("redis backends") {
  TEST_CASE("every backend of Redis keeps the laws") {
    if (!have_redis()) return;
    registered_keep_the_laws(Suite::redis);
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
