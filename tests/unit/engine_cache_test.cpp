#include <doctest/doctest.h>

#include "replay/engine_cache.hpp"

using namespace kv;

namespace {

Workload workload(const std::vector<std::vector<BlockId>>& requests) {
  WorkloadBuilder builder;
  for (const auto& ids : requests) builder.add(Duration(0), Tokens(ids.size() * 16), Tokens(1), ids);
  return std::move(builder).build(Tokens(16));
}

}  // namespace

TEST_SUITE("engine cache") {
  TEST_CASE("serves the leading blocks that earlier requests left in HBM") {
    const Workload w = workload({{1, 2, 3}, {1, 2, 4}, {1, 2, 3, 5}, {9}});
    CHECK(engine_hits(w, Blocks(100)) == std::vector<std::uint32_t>{0, 2, 3, 0});
  }

  TEST_CASE("holds no more than its capacity: the oldest tail is gone first") {
    const Workload w = workload({{1, 2, 3}, {7}, {1, 2, 3}});
    CHECK(engine_hits(w, Blocks(3)) == std::vector<std::uint32_t>{0, 0, 2});
    CHECK(engine_hits(w, Blocks(0)) == std::vector<std::uint32_t>{0, 0, 0});
  }
}
