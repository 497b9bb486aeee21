#include "report/break_even_document.hpp"

#include <doctest/doctest.h>

#include "report/document.hpp"
#include "support/kept_files.hpp"
#include "support/schema.hpp"

using namespace kv;

namespace {

struct Sample {
  Model model = *find_model("llama-3.1-8b");
  KvGeometry geometry = *KvGeometry::make(model, {}, Tokens(512));
  std::unique_ptr<Prefill> prefill;
  std::vector<PromptHit> prompts{{Tokens(4096), Tokens(5000)}, {Tokens(0), Tokens(100)}};
  BreakEvenContext context;

  Sample() {
    PrefillConfig config;
    config.model = model;
    config.gpu = *find_gpu("h100");
    config.tp = 1;
    prefill = *make_prefill("modelled", config);
    context.command_line = {"kvplan", "breakeven"};
    context.rows.push_back(row("redis://cache", 1e9));
    context.sweep.push_back(row("sweep", 1e9));
    context.sweep.push_back(row("sweep", 1e8));
  }
  BreakEvenRow row(const std::string& backend, double bytes_per_s) const {
    BreakEvenRow out;
    out.backend = backend;
    out.backend_source = "a test";
    out.model = "llama-3.1-8b";
    out.gpu = "h100";
    out.codec = "raw";
    out.weight_dtype = "bf16";
    out.question.engine = {prefill.get(), &geometry, 1, 1, 3350e9};
    out.question.cost.latency = std::chrono::milliseconds(2);
    out.question.cost.bytes_per_s = bytes_per_s;
    out.question.cost.upload_bytes_per_s = 64e9;
    out.question.cost.overlapped = true;
    out.question.latency_known = out.question.wire_known = true;
    out.question.prompts = prompts;
    out.answer = answer(out.question);
    return out;
  }
};

bool has(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("break-even document") {
  TEST_CASE("figures stand where the schema says, and what is not known is null") {
    Sample sample;
    const Json document = make_break_even_document(sample.context);
    CHECK(test::violations(document, break_even_schema()).empty());
    const Json& row = document["rows"][0];
    CHECK(row["break_even_tokens"].is_null());  // 1 GB/s is less than the 3.2 that it takes
    CHECK(number_at(row, "needed_bytes_per_s_per_gpu").value_or(0) == doctest::Approx(3.2e9).epsilon(0.02));
    CHECK(number_at(row, "workload.winning_requests_share") == 0);
    CHECK(number_at(row, "latency_ns") == 2e6);
    CHECK(row["decode_bytes_per_s"].is_null());
    CHECK(document["workload"]["requests"].is_null());
    CHECK(text_at(row, "prefill.provenance") == "modelled");

    sample.context.rows[0].question.wire_known = sample.context.rows[0].question.latency_known = false;
    sample.context.rows[0].backend.clear();
    sample.context.rows[0].answer = answer(sample.context.rows[0].question);
    const Json unknown = make_break_even_document(sample.context);
    CHECK(test::violations(unknown, break_even_schema()).empty());
    for (const char* path : {"backend", "latency_ns", "bandwidth_bytes_per_s", "fetch_ns", "break_even_tokens"}) {
      CAPTURE(path);
      CHECK(unknown["rows"][0][path].is_null());
    }
    sample.context.workload = WorkloadSummary{};
    CHECK(test::violations(make_break_even_document(sample.context), break_even_schema()).empty());
  }

  TEST_CASE("every form says that it rests on a modelled GPU, and in words what to do") {
    const Sample sample;
    const Json document = make_break_even_document(sample.context);
    for (const Format format : {Format::table, Format::markdown}) {
      const std::string text = render_break_even(document, format, {false, 400});
      CHECK(has(text, "Recomputation is modelled, not measured: h100 x1, modelled at 45 % of peak"));
      CHECK(has(text, "recomputing on h100 is faster at 131,072 tokens, the longest looked at"));
      CHECK(has(text, "never"));
    }
    const std::string csv = render_break_even(document, Format::csv);
    CHECK(has(csv, "backend,backend_source,model"));
    CHECK(has(csv, "modelled"));
    CHECK(std::count(csv.begin(), csv.end(), '\n') == 4);
    CHECK(Json::parse(render_break_even(document, Format::json)) == document);
  }

  TEST_CASE("schema, sample and page are what the field table says") {
    test::check_kept("reports/kvkit.breakeven-1.schema.json", break_even_schema().dump(2) + "\n");
    const Json sample = test::check_sample("reports/samples/kvkit.breakeven-1.json", break_even_schema());
    CHECK_FALSE(render_break_even(sample, Format::table).empty());
    test::check_kept_part("docs/breakeven.md", "fields", break_even_fields_markdown());
  }
}
