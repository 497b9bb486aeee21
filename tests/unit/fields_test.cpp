#include "report/fields.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "report/document.hpp"
#include "support/kept_files.hpp"
#include "support/report_fixture.hpp"
#include "support/schema.hpp"
#include "support/source_dir.hpp"

namespace {

/// Every name of the contract, as issue 1/7 states it; written out here, so that renaming a field fails.
std::vector<std::string> contract() {
  const std::pair<const char*, std::vector<const char*>> kGroups[] = {
      {"", {"backend", "server", "codec", "scaled", "store_lag"}},
      {"hits.",
       {"block_hits", "block_refs", "block_hit_rate", "token_hits", "input_tokens", "token_hit_rate",
        "requests_with_hit", "insertions", "evictions"}},
      {"bytes.", {"fetched_bytes", "stored_bytes", "unstored_bytes", "wire_in_bytes", "wire_out_bytes"}},
      {"engine_hits.", {"block_hits", "token_hits", "requests_with_hit"}},
      {"speedup.", {"ratio_of_means", "geomean", "p50", "p95", "ratio_of_p95", "slower_requests"}},
      {"throughput.", {"requests_per_s", "fetched_bytes_per_s", "stored_bytes_per_s"}},
      {"errors.", {"failed_requests", "failed_ops", "ops", "corrupt_values"}},
      {"prefill.", {"provenance", "device"}},
  };
  std::vector<std::string> paths;
  for (const auto& [group, names] : kGroups) {
    for (const char* name : names) paths.push_back(std::string(group) + name);
  }
  for (const char* side : {"ttft.with_cache.", "ttft.baseline."}) {
    for (const char* name : {"mean_ns", "p50_ns", "p90_ns", "p95_ns", "p99_ns", "p999_ns", "max_ns"}) {
      paths.push_back(std::string(side) + name);
    }
  }
  for (const char* phase :
       {"queue", "lookup", "transfer_in", "decode", "upload", "prefill", "download", "encode", "transfer_out"}) {
    for (const char* name : {"count", "total_ns", "p50_ns", "p99_ns", "max_ns"}) {
      paths.push_back(std::string("phases.") + phase + "." + name);
    }
  }
  return paths;
}

/// Paths of all leaves that a schema names, "" for its root; lists are leaves.
void collect_leaves(const kv::Json& schema, const std::string& at, std::set<std::string>& leaves) {
  if (!schema.contains("properties")) {
    leaves.insert(at);
    return;
  }
  for (const auto& [key, rule] : schema["properties"].items()) {
    collect_leaves(rule, at.empty() ? key : at + "." + key, leaves);
  }
}

}  // namespace

TEST_SUITE("fields") {
  using namespace kv;

  TEST_CASE("every name of the contract is in a row, in the document and required by the schema") {
    const std::vector<RunResult> runs = {test::a_run()};
    const Json report = make_report(test::a_context(), runs);
    const Json schema = Json::parse(test::source_text("reports/kvkit.report-1.schema.json"));
    const Json* row_schema = find(schema, "properties.runs.items");
    REQUIRE(row_schema != nullptr);
    for (const std::string& path : contract()) {
      CAPTURE(path);
      CHECK(find(report["runs"][0], path) != nullptr);
      Json without = report["runs"][0];
      const auto dot = path.rfind('.');
      Json* parent = &without;
      std::istringstream names(dot == std::string::npos ? "" : path.substr(0, dot));
      for (std::string name; std::getline(names, name, '.');) parent = &(*parent)[name];
      parent->erase(path.substr(dot == std::string::npos ? 0 : dot + 1));
      CHECK(test::violations(without, *row_schema).size() == 1);
    }
    for (const char* name : {"requests", "span_ms", "input_tokens", "output_tokens", "block_size", "block_refs",
                             "unique_blocks", "max_blocks", "max_input_tokens"}) {
      CHECK(report["workload"].contains(name));
    }
    for (const char* name : {"schema", "tool", "machine", "limits", "config", "workload", "warnings", "runs"}) {
      CHECK(report.contains(name));
    }
  }

  TEST_CASE("the field table and the schema in reports/ name exactly the same figures") {
    const Json schema = Json::parse(test::source_text("reports/kvkit.report-1.schema.json"));
    std::set<std::string> in_schema, in_table = {"warnings", "repetitions"};
    collect_leaves(*find(schema, "properties.runs.items"), "", in_schema);
    for (const Field& field : fields()) CHECK(in_table.insert(field.path).second);
    CHECK(in_schema == in_table);
  }

  TEST_CASE("the schema file is what the field table says") {
    test::check_kept("reports/kvkit.report-1.schema.json", report_schema().dump(2) + "\n");
  }

  TEST_CASE("the tables of docs/report.md are what the field table says") {
    test::check_kept_part("docs/report.md", "fields", fields_markdown());
  }

  TEST_CASE("every row says what it means, and a name of a figure ends in its unit") {
    for (const Field& field : fields()) {
      CAPTURE(field.path);
      CHECK_FALSE(field.meaning.empty());
      const auto ends = [&field](const std::string& suffix) {
        return field.path.size() > suffix.size() &&
               field.path.compare(field.path.size() - suffix.size(), suffix.size(), suffix) == 0;
      };
      if (field.unit == Unit::nanoseconds) CHECK((ends("_ns") || ends("_ns_per_request")));
      if (field.unit == Unit::bytes) CHECK(ends("_bytes"));
      if (field.unit == Unit::bytes_per_s) CHECK(ends("bytes_per_s"));
      if (field.unit == Unit::per_s) CHECK(ends("_per_s"));
    }
  }

  TEST_CASE("what a report holds fits the schema: runs of every kind, with and without a context") {
    Json schema = report_schema();
    const std::vector<RunResult> runs = {test::a_run(), test::a_redis_run(), test::a_skipped_run(), RunResult{}};
    CHECK(test::violations(make_report(test::a_context(), runs), schema) == std::vector<std::string>{});
    CHECK(test::violations(make_report(ReportContext{}, {}), schema) == std::vector<std::string>{});
    Json wrong = make_report(test::a_context(), runs);
    wrong["runs"][0]["hits"]["block_hits"] = "30";
    wrong["runs"][1]["ttft"]["baseline"]["p50_ns"] = -1;
    CHECK(test::violations(wrong, schema) ==
          std::vector<std::string>{".runs[0].hits.block_hits: string", ".runs[1].ttft.baseline.p50_ns: below minimum"});
  }

  TEST_CASE("every sample that was ever shipped can still be read and shown, and fits the schema") {
    std::size_t samples = 0;
    for (const auto& entry : std::filesystem::directory_iterator(kv::test::source_dir() + "/reports/samples")) {
      if (entry.path().filename().string().find("kvkit.report-") != 0) continue;  // another kind of document
      CAPTURE(entry.path().string());
      const auto report = read_report(entry.path().string());
      REQUIRE_MESSAGE(report.has_value(), report.error().message);
      for (const std::string& place : test::violations(*report, report_schema())) {
        CHECK_MESSAGE(place.find(": missing") != std::string::npos, place);  // names may be added: unknown to it
      }
      CHECK_FALSE(render(*report, Format::table).empty());
      ++samples;
    }
    CHECK(samples > 0);
  }
}
