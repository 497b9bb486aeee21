#include <doctest/doctest.h>

#include <cstdio>

#include "conformance/laws.hpp"
#include "conformance/subjects.hpp"

using namespace kv;
using namespace kv::test;

TEST_SUITE("memory backends") {
  TEST_CASE("every backend in memory keeps the laws") { registered_keep_the_laws(Suite::memory); }

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
    registered_keep_the_laws(Suite::device);
  }
}
