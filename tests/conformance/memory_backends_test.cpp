#include <doctest/doctest.h>

#include <cstdio>

#include "conformance/laws.hpp"

using namespace kv;
using namespace kv::test;

TEST_SUITE("null") {
  TEST_CASE("null finds nothing and takes nothing") {
    const auto backend = make("null:");
    REQUIRE(backend->start(needs(2, 4096)).has_value());
    auto session = backend->open();
    REQUIRE(session.has_value());
    CHECK(store(**session, {1, 2}, 2, 4096) == 0);
    CHECK(look(**session, {1, 2}).leading == 0);
    CHECK_FALSE(fetch(**session, 1, 2, 4096));

    Lease lease = look(**session, {1});
    std::byte value[65];
    const Op put{Op::Kind::put, 0, 0, std::span(value).first(64), std::span(value).last(1)};
    std::vector<Done> done;
    (*session)->submit(lease, std::span(&put, 1), TimePoint::max());
    (*session)->poll(done, TimePoint::max());
    REQUIRE(done.size() == 1);
    CHECK(done[0].outcome == Done::Outcome::skipped);

    const auto stats = *backend->stats();
    CHECK(stats.insertions == 0);
    CHECK(stats.wire_out_bytes == 0);
    CHECK(backend->clear().has_value());
    CHECK(backend->server().name.empty());
  }
}

TEST_SUITE("local") {
  TEST_CASE("local keeps the laws") {
    keeps_the_laws({[] { return make("local:?capacity=256MiB"); }});
  }

  TEST_CASE("local stays within its capacity") {
    const auto backend = make("local:?capacity_blocks=40");
    stays_within_capacity(*backend, 10'000, Bytes(1'000'000));
  }
}

TEST_SUITE("device") {
  TEST_CASE("device keeps the laws") {
    const auto backend = make("device:");
    if (const auto ok = backend->start(needs(1, 4096)); !ok && ok.error().code == Code::unavailable) {
      std::printf("SKIPPED: %s\n", ok.error().message.c_str());
      return;
    }
    keeps_the_laws({[] { return make("device:"); }});
  }
}
