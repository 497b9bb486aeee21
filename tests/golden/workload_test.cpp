// Figures of ../shared/traces/conversation_trace.golden.json, computed by an independent program.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "support/traces.hpp"
#include "workload/read.hpp"

using namespace kv;

TEST_SUITE("workload golden") {
  TEST_CASE("the conversation trace has the size and the ideal hits that an independent program found") {
    const auto path = test::trace_path("conversation_trace.jsonl");
    if (!path) return;
    std::ifstream file(*test::trace_path("conversation_trace.golden.json"));
    const auto golden = nlohmann::json::parse(file);
    ReadNotes notes;
    const auto workload = read_workload(*path, {}, notes);
    REQUIRE_MESSAGE(workload.has_value(), (workload ? "" : workload.error().message));
    CHECK(notes.lines == golden["requests"]);
    CHECK(notes.bad_lines == 0);

    const WorkloadSummary sum = summarize(*workload);
    CHECK(sum.block_size == 512);
    CHECK(sum.requests == golden["requests"]);
    CHECK(sum.span_ms == golden["span_ms"]);
    CHECK(sum.input_tokens == golden["input_tokens"]);
    CHECK(sum.output_tokens == golden["output_tokens"]);
    CHECK(sum.block_refs == golden["block_refs"]);
    CHECK(sum.unique_blocks == golden["unique_blocks"]);
    CHECK(sum.max_blocks == golden["max_blocks"]);
    CHECK(sum.max_input_tokens == golden["max_input_tokens"]);

    const IdealHits ideal = ideal_hits(*workload);
    CHECK(ideal.block_hits == golden["ideal"]["block_hits"]);
    CHECK(ideal.token_hits == golden["ideal"]["token_hits"]);
    CHECK(ideal.requests_with_hit == golden["ideal"]["requests_with_hit"]);
  }

  // Counted by workloads/generate.py.
  TEST_CASE("the samples hold the reuse that their README promises") {
    struct Sample {
      const char* name;
      std::uint64_t block_size, requests, unique_blocks, block_hits, token_hits;
    };
    for (const Sample& sample :
         {Sample{"chat", 512, 400, 3850, 5940, 3041280}, Sample{"agents", 512, 256, 583, 9172, 4696064},
          Sample{"rag", 512, 400, 2800, 5718, 2927616}, Sample{"oneshot", 512, 300, 2122, 0, 0},
          Sample{"handmade/three_requests", 16, 3, 5, 5, 80}}) {
      INFO(sample.name);
      ReadNotes notes;
      const auto workload = read_workload(kv::test::source_dir() + "/workloads/" + sample.name + ".jsonl", {}, notes);
      REQUIRE_MESSAGE(workload.has_value(), (workload ? "" : workload.error().message));
      CHECK(workload->block_size() == Tokens(sample.block_size));
      CHECK(workload->size() == sample.requests);
      CHECK(workload->unique_blocks() == sample.unique_blocks);
      CHECK(ideal_hits(*workload).block_hits == sample.block_hits);
      CHECK(ideal_hits(*workload).token_hits == sample.token_hits);
    }
  }

  TEST_CASE("a sample that leaves its block size open is asked about") {
    ReadNotes notes;
    const std::string path = kv::test::source_dir() + "/workloads/handmade/needs_block_size.jsonl";
    const auto workload = read_workload(path, {}, notes);
    REQUIRE_FALSE(workload.has_value());
    CHECK(workload.error().message.find("600 to 849") != std::string::npos);
    CHECK(read_workload(path, {Tokens(700), false}, notes).has_value());
  }
}
