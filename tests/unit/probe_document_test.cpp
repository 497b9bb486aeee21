#include "report/probe_document.hpp"

#include <doctest/doctest.h>

#include "report/document.hpp"
#include "support/kept_files.hpp"
#include "support/schema.hpp"
#include "support/source_dir.hpp"

namespace {

using namespace kv;

probe::Point a_point(probe::Operation operation, std::size_t bytes, double per_s) {
  probe::Point p;
  p.operation = operation;
  p.codec = "raw";
  p.payload_bytes = bytes;
  p.cut = probe::Cut::of(bytes, resp::kDefaultChunkBytes);
  p.per_s = {per_s, 0.9 * per_s, 1.1 * per_s};
  p.limit_per_s = {1.25 * per_s, 1.25 * per_s, 1.25 * per_s};
  p.sum.operations = 1000;
  p.sum.elapsed = std::chrono::seconds(1);
  p.sum.waited = std::chrono::milliseconds(250);
  p.sum.client_cpu = std::chrono::milliseconds(800);
  p.sum.latency.record(Duration(1000));
  p.server_cpu_s = 0.5;
  p.memory_ratio = 1.25;
  return p;
}

struct Sample {
  ReportContext context;
  probe::Findings findings;
  ProbeContext probe() const { return {context, findings, "spawn+redis:", Bytes(resp::kDefaultChunkBytes)}; }
};

Sample a_sample() {
  Sample out;
  out.findings.server.name = "redis";
  out.findings.rtt_ns = 1e4;
  out.findings.rtt_source = "peer";
  out.findings.planned = 5;
  out.findings.points = {a_point(probe::Operation::get, 1000, 5000), a_point(probe::Operation::get, 3000, 4000),
                         a_point(probe::Operation::set, 1000, 2000), a_point(probe::Operation::exists, 0, 9000)};
  out.findings.points.back().memory_ratio.reset();
  return out;
}

}  // namespace

TEST_SUITE("probe document") {
  TEST_CASE("figures of a point are what its repetitions say") {
    const Sample sample = a_sample();
    const Json document = make_probe_document(sample.probe());
    const Json& get = document["points"][0];
    CHECK(get["op"] == "GET");
    CHECK(get["ops_per_s"] == 5000);
    CHECK(get["bytes_per_s"] == 5e6);
    CHECK(get["limit_ops_per_s"] == 6250);
    CHECK(get["limit_bytes_per_s"] == 6.25e6);
    CHECK(get["efficiency"] == 0.8);
    CHECK(get["client_cpu_ns_per_byte"] == 800);  // 0.8 s over 1000 values of 1000 bytes
    CHECK(get["server_cpu_ns_per_byte"] == 500);
    CHECK(get["client_busy_share"] == 0.75);
    CHECK(get["spread"] == 0.2);
    CHECK(get["bounded_by"] == "client CPU");
    CHECK(get["memory_ratio"] == 1.25);
    const Json& exists = document["points"][3];
    for (const char* name :
         {"value_bytes", "bytes_per_s", "limit_bytes_per_s", "client_cpu_ns_per_byte", "memory_ratio"}) {
      CHECK(exists[name].is_null());
    }
    CHECK(exists["efficiency"] == 0.8);
    CHECK(document["best"]["get"]["value_bytes"] == 3000);
    CHECK(document["best"]["set"]["value_bytes"] == 1000);
    CHECK(document["profile"]["exists_per_s"] == 9000);
  }

  TEST_CASE("what was not measured is null: limits, server CPU, everything of a point that failed") {
    Sample sample = a_sample();
    for (probe::Point& p : sample.findings.points) {
      p.limit_per_s.clear();
      p.server_cpu_s.reset();
    }
    sample.findings.points[1] = probe::Point();
    sample.findings.points[1].failure = "out of memory";
    const Json document = make_probe_document(sample.probe());
    for (const char* name : {"limit_ops_per_s", "limit_bytes_per_s", "efficiency", "server_cpu_ns_per_byte"}) {
      CHECK(document["points"][0][name].is_null());
    }
    for (const char* name : {"ops_per_s", "bytes_per_s", "p50_ns", "bounded_by", "spread"}) {
      CHECK(document["points"][1][name].is_null());
    }
    CHECK(test::violations(document, probe_schema()) == std::vector<std::string>{});
  }

  TEST_CASE("documents fit the schema, and every format shows them") {
    const Sample sample = a_sample(), empty;
    for (const Sample* one : {&sample, &empty}) {
      const Json document = make_probe_document(one->probe());
      CHECK(test::violations(document, probe_schema()) == std::vector<std::string>{});
      for (const Format format : {Format::table, Format::json, Format::csv, Format::markdown}) {
        CHECK_FALSE(render_probe(document, format, {true, 200}).empty());
      }
    }
    Json wrong = make_probe_document(sample.probe());
    wrong["points"][0]["p50_ns"] = "fast";
    CHECK(test::violations(wrong, probe_schema()) == std::vector<std::string>{".points[0].p50_ns: string"});
  }

  TEST_CASE("the schema file, the sample and the table of docs/probe.md are what the field table says") {
    test::check_kept("reports/kvkit.probe-1.schema.json", probe_schema().dump(2) + "\n");
    const Json sample = test::check_sample("reports/samples/kvkit.probe-1.json", probe_schema());
    CHECK_FALSE(render_probe(sample, Format::table).empty());
    CHECK(read_profile(test::source_dir() + "/reports/samples/kvkit.probe-1.json"));
    test::check_kept_part("docs/probe.md", "points", point_fields_markdown());
  }
}

TEST_SUITE("probe profile") {
  TEST_CASE("what was written is read again, alone or within the whole document") {
    const Sample sample = a_sample();
    const Json alone = profile_json(profile_of(sample.probe()));
    for (const Json& json : {alone, make_probe_document(sample.probe())}) {
      const auto profile = read_profile_text(json.dump(), "wire.json");
      REQUIRE_MESSAGE(profile, profile.error().message);
      CHECK(profile_json(*profile) == alone);
      REQUIRE(profile->model("GET", "raw") != nullptr);
      CHECK(profile->model("GET", "raw")->sizes == 2);
      CHECK(profile->model("SET", "raw") == nullptr);  // one size
      CHECK(profile->server_version.empty());
    }
  }

  TEST_CASE("a damaged profile is refused, and the place is named") {
    const Json good = profile_json(profile_of(a_sample().probe()));
    const auto refusal = [](const Json& json) {
      const auto read = read_profile_text(json.dump(), "wire.json");
      return read ? std::string() : read.error().message;
    };
    CHECK(refusal(Json::object()).find("wire.json") == 0);
    const auto spoil = [&](const char* path, Json value) {
      Json bad = good;
      if (std::string(path).find("models.") == 0) {
        bad["models"][0][std::string(path).substr(7)] = std::move(value);
      } else {
        bad[path] = std::move(value);
      }
      return refusal(bad);
    };
    CHECK(spoil("chunk_bytes", 0).find(".chunk_bytes") != std::string::npos);
    CHECK(spoil("chunk_bytes", -1).find(".chunk_bytes") != std::string::npos);
    CHECK(spoil("rtt_ns", "fast").find(".rtt_ns") != std::string::npos);
    CHECK(spoil("on_this_host", 1).find(".on_this_host") != std::string::npos);
    CHECK(spoil("transport", 1).find(".transport") != std::string::npos);
    CHECK(spoil("models", "none").find(".models") != std::string::npos);
    CHECK(spoil("models.bandwidth_bytes_per_s", 0).find(".models[0].bandwidth_bytes_per_s") != std::string::npos);
    CHECK(spoil("models.bandwidth_bytes_per_s", 1e300).find(".models[0].bandwidth_bytes_per_s") != std::string::npos);
    CHECK(spoil("models.latency_ns", nullptr).find(".models[0].latency_ns") != std::string::npos);
    CHECK(spoil("models.op", nullptr).find(".models[0].op") != std::string::npos);
    Json without = good;
    without["models"][0].erase("sizes");
    CHECK(refusal(without).find(".models[0].sizes") != std::string::npos);
    CHECK_FALSE(read_profile_text("{", "wire.json"));
    CHECK_FALSE(read_profile(test::source_dir() + "/absent.json"));
  }
}
