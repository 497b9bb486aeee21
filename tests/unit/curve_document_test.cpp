#include "report/curve_document.hpp"

#include <doctest/doctest.h>

#include "report/document.hpp"
#include "support/kept_files.hpp"
#include "support/random_workload.hpp"
#include "support/schema.hpp"

namespace {

using namespace kv;

WorkloadDocument head_of(const Workload& workload) {
  WorkloadDocument head;
  head.schema = kCurveSchema;
  head.tool = "kvplan";
  head.path = "t.jsonl";
  head.workload = summarize(workload);
  head.ideal = ideal_hits(workload);
  return head;
}

/// Every kind of point, with bytes and dollars.
Json document_of(std::uint64_t seed, std::optional<double> block_bytes = 2e6) {
  const Workload workload = test::random_workload(seed, {.requests = 200});
  CurveRequest request;
  request.policies = {find_policy("lru"), find_policy("sieve")};
  request.capacities = {Blocks(50), Blocks(10), Blocks(200)};
  request.ttls = {std::chrono::seconds(30)};
  request.ttls_at_capacities = true;
  request.targets = {0.1, 0.99};
  request.threads = 1;
  const Curve curve = make_curve(workload, request);
  return make_curve_document({head_of(workload), curve, block_bytes, 0.5, Json::object()});
}

SampledCurve sample_of(const Workload& workload, std::uint32_t slice, double rate = 0.25, std::uint32_t slices = 4) {
  SampledCurve sample({.rate = rate, .slice = slice, .slices = slices});
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    std::vector<BlockId> ids;
    for (const DenseId block : request.blocks) ids.push_back(workload.id(block));
    sample.add(ids, request.input, workload.block_size());
  }
  return sample;
}

Json sampled_document(const Workload& workload, std::uint32_t slice) {
  const SampledCurve sample = sample_of(workload, slice);
  const std::vector<Blocks> capacities{Blocks(20), Blocks(200), Blocks(2000)};
  const Curve curve = make_curve(sample, capacities, {});
  WorkloadDocument head = head_of(workload);
  head.ideal = std::nullopt;
  Json resolved = Json::object();
  resolved["sample"] = {{"rate", sample.rate()},
                        {"blocks", sample.sampled_blocks()},
                        {"refs", sample.sampled_refs()},
                        {"seed", 1},
                        {"slice", slice + 1},
                        {"slices", 4}};
  return make_curve_document({std::move(head), curve, std::nullopt, std::nullopt, std::move(resolved)});
}

}  // namespace

TEST_SUITE("curve document") {
  TEST_CASE("points are those asked for, in order; bytes, dollars and marginal hits follow from them") {
    const Json d = document_of(3);
    CHECK(d["schema"] == kCurveSchema);
    REQUIRE(d["points"].size() == 6);
    CHECK(d["points"][0]["capacity_blocks"] == 50);
    CHECK(d["points"][1]["capacity_blocks"] == 10);
    CHECK(d["points"][3]["policy"] == "sieve");
    CHECK(d["points"][0]["capacity_bytes"] == 100'000'000);
    CHECK(d["points"][0]["usd_per_hour"].get<double>() == doctest::Approx(0.05));
    // From 10 to 50 blocks: 80 MB more.
    const double gained = d["points"][0]["token_hits"].get<double>() - d["points"][1]["token_hits"].get<double>();
    CHECK(d["points"][0]["token_hits_per_gb"].get<double>() == doctest::Approx(gained / 0.08));
    CHECK(d["points"][0]["token_hit_rate"].get<double>() ==
          doctest::Approx(d["points"][0]["token_hits"].get<double>() / d["workload"]["input_tokens"].get<double>()));
    CHECK(d["points"][0]["block_hit_rate_error"].is_null());
    REQUIRE(d["ttl_points"].size() == 1);
    CHECK(d["ttl_points"][0]["ttl_s"] == 30);
    CHECK(d["ttl_points"][0]["capacity_blocks"].is_null());
    REQUIRE(d["capacity_ttl_points"].size() == 6);
    CHECK(d["capacity_ttl_points"][3]["policy"] == "sieve");
    CHECK(d["outline"].front()["capacity_blocks"] == 10);
    CHECK(d["outline"].back()["capacity_blocks"] == 200);
    CHECK(d["outline"].back()["token_hit_rate"] == d["points"][2]["token_hit_rate"]);
    REQUIRE(d["targets"].size() == 4);
    CHECK(d["targets"][0]["reached"] == true);
    CHECK(d["targets"][0]["token_hit_rate"].get<double>() >= 0.1);
    CHECK(d["targets"][1]["reached"] == false);
    CHECK(d["targets"][1]["capacity_blocks"].is_null());
  }

  TEST_CASE("documents fit the schema, unknown figures are null, and every format shows them") {
    const Workload workload = test::random_workload(8, {.requests = 2000});
    const std::vector<Json> documents = {document_of(4), document_of(5, std::nullopt), sampled_document(workload, 0)};
    for (const Json& d : documents) {
      CHECK(test::violations(d, curve_schema()) == std::vector<std::string>{});
      for (const Format format : {Format::table, Format::json, Format::csv, Format::markdown}) {
        CHECK_FALSE(render_curve(d, format, {true, 80}).empty());
      }
    }
    CHECK(documents[1]["points"][0]["capacity_bytes"].is_null());
    CHECK(documents[1]["points"][0]["usd_per_hour"].is_null());
    CHECK(documents[2]["points"][0]["insertions"].is_null());
    CHECK(documents[2]["points"][0]["token_hit_rate_error"].is_number());
  }

  TEST_CASE("the smallest size for a target is the smallest: one block less misses it") {
    const Workload workload = test::random_workload(6, {.requests = 300});
    CurveRequest request;
    request.policies = {find_policy("lru")};
    request.targets = {0.05, 0.2, 0.4};
    const Curve found = make_curve(workload, request);
    REQUIRE(found.targets.size() == 3);
    for (const CurveTarget& target : found.targets) {
      if (!target.place) continue;
      CHECK(target.place->token_hit_rate >= target.token_hit_rate);
      request.capacities = {Blocks(target.place->capacity.count() - 1)};
      if (request.capacities.front() == Blocks(0)) continue;
      const Curve smaller = make_curve(workload, request);
      CHECK(smaller.points[0].token_hits / static_cast<double>(smaller.input_tokens) < target.token_hit_rate);
    }
  }

  TEST_CASE("four slices merged are nearer to the truth than their error says, and what differs is refused") {
    const Workload workload = test::random_workload(7, {.requests = 20'000, .depth = 12, .reuse = 0.7});
    std::vector<Json> documents;
    std::vector<std::string> names;
    for (std::uint32_t slice = 0; slice < 4; ++slice) {
      documents.push_back(sampled_document(workload, slice));
      names.push_back("s" + std::to_string(slice));
    }
    const auto merged = merge_curves(documents, names);
    REQUIRE(merged);
    CHECK(test::violations(*merged, curve_schema()) == std::vector<std::string>{});
    CurveRequest request;
    request.policies = {find_policy("lru")};
    request.capacities = {Blocks(20), Blocks(200), Blocks(2000)};
    const Curve exact = make_curve(workload, request);
    for (std::size_t i = 0; i < 3; ++i) {
      const double truth = exact.points[i].block_hits / static_cast<double>(exact.block_refs);
      const Json& point = (*merged)["points"][i];
      // Twice the 95 % interval: one in some ten thousand would miss it, and the seeds are fixed.
      CHECK(std::abs(point["block_hit_rate"].get<double>() - truth) <=
            2 * point["block_hit_rate_error"].get<double>() + 1e-3);
      CHECK(point["block_hit_rate_error"].get<double>() < documents[0]["points"][i]["block_hit_rate_error"]);
    }
    CHECK((*merged)["config"]["resolved"]["sample"]["rate"].get<double>() == doctest::Approx(1));

    CHECK(merge_curves({documents[0], documents[0]}, {"a", "b"}).error().message.find("slice") != std::string::npos);
    Json other = documents[1];
    other["workload"]["requests"] = 3;
    CHECK(merge_curves({documents[0], other}, {"a", "b"}).error().message.find("workload.requests is 20000 and 3") !=
          std::string::npos);
    other = documents[1];
    other["points"].erase(1);
    CHECK(merge_curves({documents[0], other}, {"a", "b"}).error().message.find("capacities") != std::string::npos);
  }

  TEST_CASE("only a curve's estimates are read, and the place of what is wrong is named") {
    const Workload workload = test::random_workload(9, {.requests = 500});
    Json d = sampled_document(workload, 0);
    CHECK(read_curve_text(d.dump(), "a.json"));
    CHECK(read_curve_text("{", "a.json").error().message.find("a.json") == 0);
    CHECK(read_curve_text("[]", "a.json").error().message.find("a.json") == 0);
    CHECK(read_curve_text(document_of(3).dump(), "a.json").error().message.find(".points[0]") != std::string::npos);
    d["points"][1]["token_hit_rate"] = -1;
    CHECK(read_curve_text(d.dump(), "a.json").error().message.find(".points[1].token_hit_rate") != std::string::npos);
    d["schema"] = "kvkit.curve/2";
    CHECK(read_curve_text(d.dump(), "a.json").error().message.find("kvkit.curve/1") != std::string::npos);
  }

  TEST_CASE("the schema file, the sample and the table of docs/curves.md are what the field table says") {
    test::check_kept("reports/kvkit.curve-1.schema.json", curve_schema().dump(2) + "\n");
    const Json sample = test::check_sample("reports/samples/kvkit.curve-1.json", curve_schema());
    CHECK_FALSE(render_curve(sample, Format::table).empty());
    test::check_kept_part("docs/curves.md", "curve", curve_fields_markdown());
  }
}
