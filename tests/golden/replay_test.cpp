// Figures of ../shared/traces/conversation_trace.golden.json, computed by an independent program.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "backend/registry.hpp"
#include "curve/simulate.hpp"
#include "replay/replay.hpp"
#include "support/golden_trace.hpp"

using namespace kv;

namespace {

Repetition run(const Workload& workload, const std::string& spec, std::uint32_t workers) {
  KvOptions options;
  options.bytes_per_token = 8;
  const Model model = *find_model("llama-3.1-8b");
  const Gpu gpu = *find_gpu("h100");
  const auto geometry = KvGeometry::make(model, options, workload.block_size());
  REQUIRE(geometry.has_value());
  const auto prefill = prefills().front().make({model, gpu, 1});
  REQUIRE(prefill.has_value());
  auto backend = parse_backend(spec).and_then(make_backend);
  REQUIRE(backend.has_value());
  ReplayPlan plan;
  plan.workload = &workload;
  plan.geometry = &*geometry;
  plan.prefill = prefill->get();
  plan.gpu = gpu;
  plan.codec = *parse_codec("raw");
  plan.workers = workers;
  ReplayControl control;
  const auto result = replay(**backend, plan, control);
  REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message));
  return result->repetitions.front();
}

void check_conservation(const Workload& workload, const Counts& c) {
  CHECK(c.requests == workload.size());
  CHECK(c.fetched_bytes + c.stored_bytes + c.unstored_bytes == c.input_tokens * 8);
  CHECK(c.verified_bytes >= c.fetched_bytes);
  CHECK(c.corrupt_values == 0);
  CHECK(c.failed_ops == 0);
}

void check_rows(const char* policy) {
  const auto g = test::golden();
  if (!g) return;
  for (const auto& row : g->figures.at(policy)) {
    const std::uint64_t capacity = row.at("capacity_blocks");
    CAPTURE(capacity);
    const Counts c = run(g->workload, fmt::format("local:?capacity_blocks={}&policy={}", capacity, policy), 1).counts;
    CHECK(c.block_hits == row.at("block_hits"));
    CHECK(c.token_hits == row.at("token_hits"));
    CHECK(c.insertions == row.at("insertions").get<std::uint64_t>());
    CHECK(c.evictions == row.at("evictions").get<std::uint64_t>());
    check_conservation(g->workload, c);
    if (std::string(policy) == "lru") CHECK(c.unstored_bytes == 0);
  }
}

}  // namespace

TEST_SUITE("golden replay") {
  TEST_CASE("local: with LRU gives the golden hits, insertions and evictions at every capacity") { check_rows("lru"); }
  TEST_CASE("local: with FIFO gives the golden hits, insertions and evictions at every capacity") {
    check_rows("fifo");
  }

  TEST_CASE("local: with any policy gives the hits, insertions and evictions that are simulated") {
    const auto g = test::golden();
    if (!g) return;
    for (const PolicyRow& row : policies()) {
      if (!row.online()) continue;
      for (const std::uint64_t capacity : {100U, 18279U}) {  // the longest request has 247 blocks
        for (const std::uint32_t admit : {1U, 2U}) {
          if (admit == 2 && capacity == 100) continue;
          const auto spec = fmt::format("local:?capacity_blocks={}&policy={}&admit={}", capacity, row.name, admit);
          CAPTURE(spec);
          const Counts c = run(g->workload, spec, 1).counts;
          const auto sum = simulate(g->workload, row, Blocks(capacity), {.admit = admit});
          CHECK(c.requests_with_hit == sum.requests_with_hit);
          CHECK(c.block_hits == sum.block_hits);
          CHECK(c.token_hits == sum.token_hits);
          CHECK(c.insertions == sum.insertions);
          CHECK(c.evictions == sum.evictions);
          check_conservation(g->workload, c);
        }
      }
    }
  }

  TEST_CASE("eight workers lose and corrupt nothing") {
    const auto g = test::golden();
    if (!g) return;
    const Counts c = run(g->workload, "local:?capacity_blocks=18279", 8).counts;
    check_conservation(g->workload, c);
    CHECK(c.input_tokens == g->figures.at("input_tokens"));
    CHECK(c.block_refs == g->figures.at("block_refs"));
    CHECK(c.block_hits > 70000);  // 80,466 in trace order; workers overtake each other a little
  }

  TEST_CASE("null: finds and stores nothing, and every byte counts as unstored") {
    const auto g = test::golden();
    if (!g) return;
    const Counts c = run(g->workload, "null:", 1).counts;
    check_conservation(g->workload, c);
    CHECK(c.block_hits == 0);
    CHECK(c.unstored_bytes == c.input_tokens * 8);
  }
}
