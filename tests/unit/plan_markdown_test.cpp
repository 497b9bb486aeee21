#include "report/plan_markdown.hpp"

#include <doctest/doctest.h>

using namespace kv;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Json row(const char* input, double typical, Json turns_at) {
  return {{"input", input}, {"summary", "what it is"}, {"typical", typical}, {"turns_at", std::move(turns_at)}};
}

Json months() {
  Json out = Json::array();
  for (int i = 1; i <= 12; ++i) {
    out.push_back(
        {{"month", i}, {"baseline_usd", 50000}, {"cached_gpu_usd", 40000}, {"cache_usd", 4000}, {"saving_usd", 6000}});
  }
  return out;
}

/// What kvplan estimate makes, as far as the page reads it.
Json plan(const char* verdict) {
  Json d;
  d["workload"] = {{"path", "traces/chat one.jsonl"}};
  d["engine"] = {
      {"model", "llama-3.1-70b"}, {"gpu", "h100"}, {"gpus", 64}, {"tp", 4}, {"codec", "raw"}, {"instances", 16},
      {"links_source", "assumed"}};
  d["demand"] = {{"requests_per_s", 40}, {"block_tokens", 512}, {"still_warming", true}, {"span_s", 3600}};
  d["size"] = {{"kind", "redis-cluster"}, {"blocks", 10000},       {"tokens", 5120000},
               {"stored_bytes", 1.0e12},  {"token_hit_rate", 0.3}, {"baseline_hit_rate", 0.2}};
  d["nodes"] = {
      {"on", "r7g.2xlarge"},
      {"machines", 20},
      {"primaries", 20},
      {"replicas", 0},
      {"binding", "bandwidth"},
      {"egress_bytes_per_s", 4.0e9},
      {"hottest_share", 0.1},
      {"memory_used", 0.7},
      {"bandwidth_used", 0.9},
      {"without_replica", {{"usd_per_month", 6000}, {"rewarm_gpu_s_per_loss", 100}, {"rewarm_gpu_s_per_month", 40}}},
      {"with_replica", {{"usd_per_month", 13000}}}};
  d["latency"] = {{"slo_ttft_ns", 2000000000},
                  {"slo_share", 0.95},
                  {"without", {{"ttft_ns", {{"p95", 3.0e9}}}}},
                  {"with", {{"ttft_ns", {{"p95", nullptr}}}}}};
  d["cost"]["options"] = {{{"kind", "redis-cluster"},
                           {"on", "r7g.2xlarge"},
                           {"chosen", true},
                           {"verified", false},
                           {"usd_per_month", 6000},
                           {"payback_days", nullptr},
                           {"trouble", nullptr}}};
  d["roi"] = {{"verdict", verdict},
              {"in_words", "It leaves <60,000> dollars."},
              {"reasons", {"GPU time is dearer"}},
              {"saved_gpus", 8},
              {"one_off_usd", 12000},
              {"months", months()}};
  d["targets"] = {{{"level", "must"},
                   {"metric", "error rate"},
                   {"bound", 0.002},
                   {"at_most", true},
                   {"status", "not measured"},
                   {"value", nullptr}}};
  d["uncertainty"]["tornado"] = {
      {{"input", "gpu_usd_per_hour"}, {"low", 2}, {"high", 4}, {"net_at_low_usd", -1000}, {"net_at_high_usd", 90000}}};
  d["changes"] = {row("traffic", 1, 0.4), row("hits", 1, nullptr)};
  d["warnings"] = {"prices are a year old"};
  d["prices"] = "built in";
  d["price_date"] = "2026-05-20";
  return d;
}

}  // namespace

TEST_SUITE("plan in Markdown") {
  TEST_CASE("a yes has phases, each with its command and what must hold, risks, rollback and twelve months") {
    const std::string page = render_plan_markdown(plan("yes"));
    CHECK(has(page, "**Decision: yes, build it.**"));
    CHECK(has(page, "It leaves &lt;60,000> dollars."));
    for (const char* phase : {"Phase 1: local test", "Phase 2: staging", "Phase 3: 5 % (1 of 16",
                              "Phase 4: 25 % (4 of 16", "Phase 5: 50 % (8 of 16", "Phase 6: 100 % (16 of 16"}) {
      CAPTURE(phase);
      CHECK(has(page, phase));
    }
    CHECK(has(page,
              "kvbench run 'traces/chat one.jsonl' --backend redis://HOST:6379 --model llama-3.1-70b --gpu h100 "
              "--tp 4 --codec raw --requests 1000 --format json -o staging.json"));
    CHECK(has(page, "kvbench speaks to one server"));
    CHECK(has(page, ".best.get.bytes_per_s >= 400000000'"));  // a tenth of 4 GB/s
    CHECK(has(page, "local:?capacity=327680000"));            // 10,000 blocks x 512 tokens x 64 bytes
    CHECK(has(page, ".engine_hits.token_hit_rate >= 0.4)"));  // 0.8 x (0.3 + 0.2)
    CHECK(has(page, "all(.runs[]; .ttft.with_cache.p95_ns <= 2000000000)"));
    CHECK(has(page, ".errors.failed_ops <= 0.002 * .errors.ops"));  // its own target
    CHECK(has(page, "costs $7,000 a month more"));
    CHECK(has(page, "Give the 8 saved GPUs back only when"));
    CHECK(has(page, "| 1 | $50,000 | $40,000 | $4,000 | $6,000 | -$6,000 |"));  // effort of 12,000 paid first
    CHECK(has(page, "| 12 | $50,000 | $40,000 | $4,000 | $6,000 | $60,000 |"));
    CHECK(has(page, "3 s -> -"));
    for (const char* unknown : {"nan", "inf", "null |"}) CHECK_FALSE(has(page, unknown));
  }

  TEST_CASE("a no says so first, and its phases are to measure and to ask again") {
    const std::string page = render_plan_markdown(plan("no"));
    CHECK(has(page.substr(0, 120), "**Decision: no. Do not build it.**"));
    CHECK(has(page, "Phase 1: do not build"));
    CHECK(has(page, "| traffic | what it is | 1.00 | 0.40 |"));
    CHECK(has(page, "| hits | what it is | 1.00 | - |"));
    for (const char* absent : {"rollout", "## Rollback", "## Risks"}) CHECK_FALSE(has(page, absent));
    CHECK(has(render_plan_markdown(plan("cannot tell")), "**Decision: cannot tell. Build nothing"));
  }

  TEST_CASE("where the cache sits decides how kvbench reaches it") {
    const auto page_of = [](const char* kind, double primaries) {
      Json d = plan("yes");
      d["size"]["kind"] = kind;
      d["nodes"]["primaries"] = primaries;
      return render_plan_markdown(d);
    };
    CHECK(has(page_of("serverless", 1), "--backend rediss://HOST:6379"));
    CHECK(has(page_of("host-memory", 1), "--backend local: "));
    CHECK_FALSE(has(page_of("host-memory", 1), "kvbench probe"));
    CHECK(has(page_of("local-nvme", 1), "no backend for drives"));
    CHECK_FALSE(has(page_of("redis", 1), "kvbench speaks to one server"));
  }

  TEST_CASE("a file name stays one word of the shell") {
    Json d = plan("yes");
    d["workload"]["path"] = "a'; rm -rf $HOME #";
    CHECK(has(render_plan_markdown(d), "kvbench run 'a'\\''; rm -rf $HOME #' --backend"));
  }

  TEST_CASE("whatever lacks or is of another kind, the rest is shown") {
    CHECK(has(render_plan_markdown(Json()), "# Plan of a KV cache"));
    const Json whole = plan("yes");
    for (const auto& [name, section] : whole.items()) {
      for (const Json& other : {Json(), Json(3), Json("text"), Json::array({1}), Json::object()}) {
        Json d = whole;
        d[name] = other;
        CHECK(has(render_plan_markdown(d), "# Plan of a KV cache"));
        for (const auto& [leaf, value] : section.items()) {
          if (!section.is_object()) break;
          d = whole;
          d[name][leaf] = other;
          CHECK(has(render_plan_markdown(d), "# Plan of a KV cache"));
        }
      }
    }
  }
}
