#include <doctest/doctest.h>

#include "metrics/machine.hpp"

TEST_SUITE("limits") {
  using namespace kv;

  TEST_CASE("without a budget nothing is known, and nothing is made up") {
    for (const Duration budget : {Duration(0), Duration(-1), Duration(3000)}) {
      const Limits limits = measure_limits(budget);
      CHECK_FALSE(limits.memory_copy);
      CHECK_FALSE(limits.tcp);
      CHECK_FALSE(limits.unix_socket);
    }
  }

  TEST_CASE("what was measured is a rate that a machine can have") {
    const Limits limits = measure_limits(std::chrono::milliseconds(300));
    for (const auto& rate : {limits.memory_copy, limits.tcp, limits.unix_socket}) {
      if (!rate) continue;  // a crowded or confined machine may not let us
      CHECK(*rate > 1e6);
      CHECK(*rate < 1e13);
    }
    MESSAGE("memory copy " << limits.memory_copy.value_or(0) / 1e9 << ", TCP " << limits.tcp.value_or(0) / 1e9
                           << ", unix socket " << limits.unix_socket.value_or(0) / 1e9 << " GB/s");
  }

  TEST_CASE("the budget covers all of it") {
    const auto start = std::chrono::steady_clock::now();
    measure_limits(std::chrono::milliseconds(200));
    MESSAGE("of 200 ms it took " << seconds(std::chrono::steady_clock::now() - start) * 1e3 << " ms");
  }
}
