#include "report/stats_document.hpp"

#include <doctest/doctest.h>

#include "report/document.hpp"
#include "support/kept_files.hpp"
#include "support/schema.hpp"

namespace {

using namespace kv;

/// Requests a minute apart behind block 0, each second one of which goes on where the one before it ended.
Json document_of(std::uint64_t requests, const std::string& tenant, bool at_once = false) {
  WorkloadBuilder builder(Tokens(16));
  for (std::uint64_t i = 0; i < requests; ++i) {
    std::vector<BlockId> ids{0, 10 * (i / 2 + 1)};
    if (i % 2 != 0) ids.push_back(10 * (i / 2 + 1) + 1);
    const Origin origin{.delay = std::nullopt, .session = tenant, .tenant = tenant, .group = {}, .type = {}};
    REQUIRE(builder.add(std::chrono::minutes(at_once ? 0 : i), Tokens(16 * ids.size()), Tokens(i), ids, 0, origin));
  }
  WorkloadDocument head;
  head.tool = "kvtrace";
  head.path = "chat.jsonl";
  return make_stats_document(head, stats_of(std::move(builder).build(Tokens(16)), {}));
}

}  // namespace

TEST_SUITE("stats document") {
  TEST_CASE("figures stand where the field table says, under the names of a run report") {
    const Json d = document_of(4, "x");
    CHECK(d["schema"] == kStatsSchema);
    CHECK(d["tool"]["name"] == "kvtrace");
    CHECK(d["workload"]["requests"] == 4);
    CHECK(d["workload"]["unique_blocks"] == 5);
    CHECK(d["ideal"]["block_hits"] == 5);  // 0, 0 10, 0, 0 20 ... of the last three requests: 2 + 1 + 2
    CHECK(d["lengths"]["input_tokens"]["max"] == 48);
    CHECK(d["lengths"]["output_tokens"]["mean"] == 1.5);
    CHECK(d["rate"]["bin_s"] == 60);
    CHECK(d["sharing"]["common_blocks"] == 1);
    CHECK(d["sharing"]["trees"] == 2);
    CHECK(d["reuse"]["one_shot_blocks"] == 2);
    CHECK(d["reuse"]["interval_ns"]["p50"] == 60'000'000'000);
    CHECK(d["series"].size() == 4);
    CHECK(d["series"][1]["start_s"].dump() == "60");
    CHECK(d["isolation"]["lost_block_hits"] == 0);
    CHECK(d["sessions"]["sessions"] == 1);
    CHECK(d["top_prefixes"][0]["saved_tokens"] == 48);
    CHECK(d["top_prefixes"][0]["share_of_hits"] == 0.6);
  }

  TEST_CASE("documents fit the schema, unknown figures are null, and every format shows them") {
    const std::vector<Json> documents = {document_of(150, "x"), document_of(1, ""), document_of(3, "", true)};
    for (const Json& d : documents) {
      CHECK(test::violations(d, stats_schema()) == std::vector<std::string>{});
      for (const Format format : {Format::table, Format::json, Format::csv, Format::markdown}) {
        CHECK_FALSE(render_stats(d, format, {true, 80}).empty());
        for (const StatsList& list : stats_lists()) CHECK_FALSE(render_stats(d, format, {}, &list).empty());
      }
    }
    const Json& alone = documents[1];
    for (const char* path : {"rate.requests_per_s", "rate.interarrival_cv", "rate.peak_to_mean",
                             "reuse.interval_ns.p50", "isolation.block_hits", "isolation.by", "sessions.sessions",
                             "sessions.turns.mean", "warm_up.still_warming"}) {
      REQUIRE(find(alone, path) != nullptr);
      CHECK_MESSAGE(find(alone, path)->is_null(), path);
    }
    CHECK(alone["findings"][0].get<std::string>().find("No block is used twice") == 0);
    CHECK(documents[2]["warnings"][0].get<std::string>().find("arrive at once") != std::string::npos);
    CHECK(documents[0]["warm_up"]["still_warming"] == false);
  }

  TEST_CASE("a list alone is its rows in every format, and an unknown one is refused") {
    const Json d = document_of(4, "x");
    const auto list = find_stats_list("ttl_points");
    REQUIRE(list);
    const std::string csv = render_stats(d, Format::csv, {}, *list);
    CHECK(csv.find("ttl_s,block_hits,token_hits,block_hit_rate,token_hit_rate\n10,0,0,") == 0);
    CHECK(find_stats_list("ttl_point").error().hint.find("ttl_points") != std::string::npos);
  }

  TEST_CASE("sparklines: heights from 0 to the largest, means where there are more values than columns") {
    using Values = std::vector<std::optional<double>>;
    CHECK(sparkline(Values{0.0, 1.0, 2.0}, 9) == "▁▅█");
    CHECK(sparkline(Values{0.0, 2.0, 4.0, 4.0}, 2) == "▃█");
    CHECK(sparkline(Values{std::nullopt, 1.0}, 9) == " █");
    CHECK(sparkline(Values{0.0, 0.0}, 9) == "▁▁");
    CHECK(sparkline(Values{}, 9).empty());
  }

  TEST_CASE("the schema file, the sample and the table of docs/describing.md are what the field table says") {
    test::check_kept("reports/kvkit.stats-1.schema.json", stats_schema().dump(2) + "\n");
    const Json sample = test::check_sample("reports/samples/kvkit.stats-1.json", stats_schema());
    CHECK_FALSE(render_stats(sample, Format::table).empty());
    test::check_kept_part("docs/describing.md", "stats", stats_fields_markdown());
  }
}
