// Figures of ../shared/traces/conversation_trace.golden.json, computed by an independent program.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "backend/registry.hpp"
#include "replay/replay.hpp"
#include "support/traces.hpp"
#include "workload/read.hpp"

using namespace kv;

namespace {

struct Golden {
  Workload workload;
  nlohmann::json figures;
};

std::optional<Golden> golden() {
  const auto path = test::trace_path("conversation_trace.jsonl");
  if (!path) return std::nullopt;
  ReadNotes notes;
  auto workload = read_workload(*path, {}, notes);
  REQUIRE(workload.has_value());
  std::ifstream file(*test::trace_path("conversation_trace.golden.json"));
  return Golden{std::move(*workload), nlohmann::json::parse(file)};
}

Repetition run(const Workload& workload, const std::string& spec, std::uint32_t workers) {
  KvOptions options;
  options.bytes_per_token = 8;
  const Model model = *find_model("llama-3.1-8b");
  const Gpu gpu = *find_gpu("h100");
  const auto geometry = KvGeometry::make(model, options, workload.block_size());
  REQUIRE(geometry.has_value());
  const auto prefill = prefills().front().make({model, gpu, 1, 0});
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
  const auto g = golden();
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

  TEST_CASE("eight workers lose and corrupt nothing") {
    const auto g = golden();
    if (!g) return;
    const Counts c = run(g->workload, "local:?capacity_blocks=18279", 8).counts;
    check_conservation(g->workload, c);
    CHECK(c.input_tokens == g->figures.at("input_tokens"));
    CHECK(c.block_refs == g->figures.at("block_refs"));
    CHECK(c.block_hits > 70000);  // 80,466 in trace order; workers overtake each other a little
  }

  TEST_CASE("null: finds and stores nothing, and every byte counts as unstored") {
    const auto g = golden();
    if (!g) return;
    const Counts c = run(g->workload, "null:", 1).counts;
    check_conservation(g->workload, c);
    CHECK(c.block_hits == 0);
    CHECK(c.unstored_bytes == c.input_tokens * 8);
  }
}
