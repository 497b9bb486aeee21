#include "prefill/profile.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "prefill/profile_prefill.hpp"
#include "report/prefill_schema.hpp"
#include "support/kept_files.hpp"
#include "support/schema.hpp"

using namespace kv;

namespace {

PrefillProfile parsed(std::string_view text) {
  auto profile = parse_prefill_profile(text, "mine");
  REQUIRE_MESSAGE(profile.has_value(), profile.error().message);
  return *profile;
}

std::string refused(std::string_view text) {
  const auto profile = parse_prefill_profile(text, "mine");
  REQUIRE_FALSE(profile.has_value());
  CHECK(profile.error().code == Code::bad_input);
  return profile.error().message;
}

PrefillPoint point(std::uint64_t prompt, std::uint64_t cached, std::int64_t ttft_ns) {
  return {Tokens(prompt), Tokens(cached), Duration(ttft_ns)};
}

PrefillProfile a_profile() {
  return {"llama-3.1-8b",
          "one h100, measured by nobody: a sample",
          {point(512, 0, 26'000'000), point(2048, 0, 84'000'000), point(8192, 0, 343'000'000),
           point(16384, 0, 760'000'000), point(16384, 8192, 420'000'000), point(16384, 8192, 424'000'000)}};
}

}  // namespace

TEST_SUITE("prefill profile") {
  TEST_CASE("what is written is read again, and is of the schema that is kept") {
    const PrefillProfile profile = a_profile();
    const Json document = make_profile_document(profile);
    const PrefillProfile again = parsed(document.dump(2));
    CHECK(again.model == profile.model);
    CHECK(again.engine == profile.engine);
    CHECK(again.points == profile.points);
    CHECK(test::violations(document, prefill_schema()).empty());
    CHECK(make_profile_document({})["model"].is_null());
    test::check_kept("reports/kvkit.prefill-1.schema.json", prefill_schema().dump(2) + "\n");
    const Json sample = test::check_sample("reports/samples/kvkit.prefill-1.json", prefill_schema());
    CHECK(parsed(sample.dump()).points.size() == 6);
  }

  TEST_CASE("CSV: columns by name, in any order, times in any unit, cached tokens where there are some") {
    CHECK(parsed("prompt_tokens,cached_tokens,ttft_ms\n512,0,26\n16384,8192,420.5\n").points ==
          std::vector<PrefillPoint>{point(512, 0, 26'000'000), point(16384, 8192, 420'500'000)});
    CHECK(parsed("run, ttft_ns ,prompt_tokens\r\n1,5e6,100\r\n\r\n2,7000000,200").points ==
          std::vector<PrefillPoint>{point(100, 0, 5'000'000), point(200, 0, 7'000'000)});
    CHECK(parsed("ttft_s,prompt_tokens\n0.25,100\n").points.front() == point(100, 0, 250'000'000));
    CHECK(parsed("ttft_s,prompt_tokens\n").points.empty());
  }

  TEST_CASE("CSV that cannot be: the line is named") {
    CHECK(refused("a,b\n1,2\n") == "mine:1: no column prompt_tokens");
    CHECK(refused("prompt_tokens,b\n1,2\n") == "mine:1: no column ttft_ms (or ttft_ns, ttft_s)");
    CHECK(refused("prompt_tokens,ttft_ms,ttft_ns\n") == "mine:1: two columns for 'ttft_ns'");
    CHECK(refused("prompt_tokens,ttft_ms\n\n5,6,7\n") == "mine:3: 3 columns, but the header has 2");
    CHECK(refused("prompt_tokens,ttft_ms\n5,abc\n") == "mine:2: 'abc' is no number");
    CHECK(refused("prompt_tokens,ttft_ms\n5,\n") == "mine:2: '' is no number");
    CHECK(refused("prompt_tokens,ttft_ms\n0,1\n").find("mine:2: a prompt of 0 tokens") == 0);
    CHECK(refused("prompt_tokens,ttft_ms\n1.5,1\n").find("mine:2: a prompt of 1.5 tokens") == 0);
    CHECK(refused("prompt_tokens,ttft_ms\n1e300,1\n").find("mine:2: a prompt of") == 0);
    CHECK(refused("prompt_tokens,ttft_ms\n5,0\n").find("mine:2: a time of 0 ns") == 0);
    CHECK(refused("prompt_tokens,ttft_ms\n5,-3\n").find("mine:2: a time of") == 0);
    CHECK(refused("prompt_tokens,ttft_ms\n5,nan\n").find("mine:2: a time of nan") == 0);
    CHECK(refused("prompt_tokens,ttft_ms\n5,inf\n").find("mine:2: a time of inf") == 0);
    CHECK(refused("prompt_tokens,cached_tokens,ttft_ms\n5,5,1\n").find("mine:2: 5 cached tokens of a prompt of 5") ==
          0);
    CHECK(refused(" \n ") == "mine: is empty");
  }

  TEST_CASE("vLLM's result: a request a point, failed ones left out") {
    const PrefillProfile profile = parsed(
        R"({"model_id": "meta-llama/Llama-3.1-8B-Instruct", "backend": "vllm", "itls": [[0.1, 0.2], [], [3]],)"
        R"( "input_lens": [100, 200, 300, 400], "ttfts": [0.01, 0.0, 0.03, 0.04], "errors": ["", "", "", "timed out"],)"
        R"( "generated_texts": ["[{", "b", "c", "d"], "nested": {"input_lens": [1, 2, 3], "points": [{"ttft_ns": 1}]}})");
    CHECK(profile.model == "meta-llama/Llama-3.1-8B-Instruct");
    CHECK(profile.engine == "vllm");
    CHECK(profile.points == std::vector<PrefillPoint>{point(100, 0, 10'000'000), point(300, 0, 30'000'000)});
    CHECK(refused(R"({"input_lens": [1, 2], "ttfts": [0.5]})") == "mine: input_lens has 2 entries and ttfts 1");
    CHECK(refused(R"({"input_lens": ["a"], "ttfts": [0.5]})") == "mine: input_lens holds something other than numbers");
    CHECK(refused(R"({"input_lens": [-1], "ttfts": [0.5]})").find("mine: request 0: a prompt of -1 tokens") == 0);
  }

  TEST_CASE("JSON that is none of ours") {
    CHECK(refused("[1, 2]").find("mine: neither of schema kvkit.prefill/1 nor a vLLM result") == 0);
    CHECK(refused("{}").find("mine: neither") == 0);
    CHECK(refused(R"({"schema": "kvkit.report/1"})") == "mine: is of schema 'kvkit.report/1', not kvkit.prefill/1");
    CHECK(refused(R"({"schema": "kvkit.prefill/1", "points": [{"prompt_tokens": 5}]})") ==
          "mine: .points[0]: no ttft_ns");
    CHECK(refused(R"({"schema": "kvkit.prefill/1", "points": [3]})") ==
          "mine: points hold something other than objects");
    CHECK(refused(R"({"schema": "kvkit.prefill/1", "points": [{"prompt_tokens": 5, "ttft_ns": -1}]})")
              .find("mine: .points[0]: a time of -1 ns") == 0);
    CHECK(refused(R"({"schema": )").find("mine: no JSON at byte") == 0);
    CHECK(refused("{" + std::string(100'000, '[')).find("mine: no JSON") == 0);
    CHECK(refused(R"({"a": )" + std::string(100'000, '[')).find("mine: nested deeper than 64") == 0);
    CHECK(parsed(R"({"schema": "kvkit.prefill/1", "points": []})").points.empty());
    CHECK_FALSE(read_prefill_profile("/nonexistent/file").has_value());
    CHECK_FALSE(read_prefill_profile("/").has_value());
  }
}
