#include "report/report.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>

#include "report/document.hpp"
#include "report/fields.hpp"
#include "support/report_fixture.hpp"

namespace {

using namespace kv;

Json row_of(const RunResult& run) {
  const std::vector<RunResult> runs = {run};
  return make_report(test::a_context(), runs)["runs"][0];
}

double at(const Json& row, std::string_view path) {
  const auto value = number_at(row, path);
  REQUIRE_MESSAGE(value.has_value(), path);
  return *value;
}

bool is_null(const Json& row, std::string_view path) {
  const Json* value = find(row, path);
  return value != nullptr && value->is_null();
}

std::string message_of(const std::string& text) {
  const auto read = read_report_text(text, "r.json");
  return read ? "" : read.error().message;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_SUITE("report") {
  TEST_CASE("figures of a run: worked out by hand from its four requests") {
    const Json row = row_of(test::a_run());
    CHECK(row["backend"] == "local:?capacity=8GiB");
    CHECK(row["codec"] == "raw");
    CHECK(row["scaled"] == false);
    CHECK(row["workers"] == 2);
    CHECK(row["engine_cache_bytes"] == 57982058496);
    CHECK(row["hits"]["block_hits"] == 30);
    CHECK(row["hits"]["evictions"] == 7);
    CHECK(at(row, "hits.block_hit_rate") == 0.3);
    CHECK(at(row, "hits.token_hit_rate") == 0.3);
    CHECK(at(row, "engine_hits.token_hit_rate") == 0.1);
    CHECK(at(row, "bytes.codec_ratio") == 1.875);  // 6000 / 3200
    CHECK(at(row, "ttft.with_cache.mean_ns") == 250e6);
    CHECK(at(row, "ttft.baseline.mean_ns") == 400e6);
    CHECK(at(row, "ttft.with_cache.max_ns") == 400e6);
    CHECK(at(row, "ttft.with_cache.p50_ns") == doctest::Approx(200e6).epsilon(0.001));
    CHECK(at(row, "speedup.ratio_of_means") == 1.6);
    CHECK(at(row, "speedup.geomean") == doctest::Approx(1.7782794));  // (4 x 2 x 1 x 1.25)^(1/4)
    CHECK(at(row, "speedup.p50") == doctest::Approx(1.25).epsilon(0.001));
    CHECK(at(row, "speedup.p95") == 4.0);
    CHECK(at(row, "speedup.min") == 1.0);
    CHECK(at(row, "speedup.ratio_of_p95") == 1.25);  // 500 / 400
    CHECK(at(row, "phases.prefill.count") == 4);
    CHECK(at(row, "phases.prefill.total_ns") == 240e6);
    CHECK(at(row, "phases.queue.count") == 0);
    CHECK(at(row, "phases.queue.total_ns") == 0);
    CHECK(is_null(row, "phases.queue.p50_ns"));
    CHECK(at(row, "store_lag.mean_ns") == 6.5e6);
    CHECK(at(row, "store_lag.count") == 4);
    CHECK(at(row, "store_lag.occupancy") == doctest::Approx(0.013));  // 4 x 6.5 ms of 2.0 s
    CHECK(at(row, "throughput.requests_per_s") == 4.0);               // 4 / (2.0 s / 2 workers)
    CHECK(at(row, "throughput.fetched_bytes_per_s") == 24000.0);      // 3000 / (0.25 s / 2 workers)
    CHECK(at(row, "throughput.stored_bytes_per_s") == 24000.0);       // 6000 / (0.5 s / 2 workers)
    CHECK(at(row, "throughput.wall_ns") == 3e9);
    CHECK(at(row, "fetch.wall_ns") == 100e6);
    CHECK(at(row, "fetch.phases_ns") == 160e6);  // 4 x 40 ms of transfer_in
    CHECK(at(row, "fetch.overlap") == doctest::Approx(1.6));
    CHECK(at(row, "store.wall_ns") == 20e6);
    CHECK(at(row, "store.phases_ns") == 20e6);
    CHECK(at(row, "store.overlap") == 1.0);
    CHECK(at(row, "bytes.codec_ratio") == 1.875);  // 6000 / 3200
    CHECK(at(row, "bytes.unstored_bytes") == at(row, "bytes.unstored_refused_bytes") +
                                                 at(row, "bytes.unstored_present_bytes") +
                                                 at(row, "bytes.unstored_failed_bytes"));
    CHECK(at(row, "harness.overhead_ns_per_request") == 3123.4);
  }

  TEST_CASE("occupancy is null where nothing was stored, whatever time choosing victims took") {
    RunResult run = test::a_run("null:");
    run.repetitions[0].store_lag = Histogram();
    CHECK(is_null(row_of(run), "store_lag.occupancy"));
    CHECK(row_of(run)["store_lag"]["count"] == 0);
  }

  TEST_CASE("repetitions: hits and bytes of the first, errors summed, times over all") {
    RunResult run = test::a_run();
    run.repetitions.push_back(test::four_requests());
    Repetition& second = run.repetitions[1];
    second.ttft.record(test::ms(1500));  // mean of the two: (4 x 250 + 4 x 250 + 1500) / 9
    second.counts.failed_ops = 3;
    run.repetitions[0].counts.failed_ops = 2;
    const Json row = row_of(run);
    CHECK(row["requests"] == 4);
    CHECK(row["hits"]["block_hits"] == 30);
    CHECK(row["bytes"]["stored_bytes"] == 6000);
    CHECK(row["errors"]["failed_ops"] == 5);
    CHECK(row["errors"]["ops"] == 180);
    CHECK(at(row, "ttft.with_cache.mean_ns") == doctest::Approx(3500e6 / 9));
    CHECK(at(row, "throughput.stored_bytes_per_s") == 24000.0);  // 12000 / (1.0 s / 2)
    CHECK(at(row, "throughput.requests_per_s") == 4.0);          // 8 / (4.0 s / 2)
    CHECK(at(row, "throughput.wall_ns") == 6e9);
    CHECK(at(row["repetitions"][1], "throughput.wall_ns") == 3e9);
    REQUIRE(row["repetitions"].size() == 2);
    CHECK(at(row["repetitions"][0], "ttft.with_cache.mean_ns") == 250e6);
    CHECK(at(row["repetitions"][1], "ttft.with_cache.mean_ns") == 500e6);
    CHECK(at(row["repetitions"][1], "errors.failed_ops") == 3);
    CHECK(at(row["repetitions"][1], "speedup.ratio_of_means") == 0.8);
  }

  TEST_CASE("repetitions that disagree are warned about; an interrupted one is not a disagreement") {
    RunResult run = test::a_run();
    run.repetitions.push_back(test::four_requests());
    CHECK(row_of(run)["warnings"].empty());
    run.repetitions[1].counts.token_hits -= 1;
    REQUIRE(row_of(run)["warnings"].size() == 1);
    CHECK(has(row_of(run)["warnings"][0].get<std::string>(), "differ in their hits"));
    run.repetitions[1].interrupted = true;
    CHECK(row_of(run)["warnings"].empty());
    CHECK(row_of(run)["interrupted"] == true);
    run.repetitions[1] = test::four_requests();
    run.repetitions[1].ttft.record(test::ms(2000));
    CHECK(has(row_of(run)["warnings"][0].get<std::string>(), "mean TTFT from 250 ms to 600 ms"));
  }

  TEST_CASE("what was measured is compared beside a modelled prefill that hides it in the mean") {
    RunResult run = test::a_run();
    run.repetitions.push_back(test::four_requests());
    run.repetitions[1].fetch_s = 0.5;
    run.repetitions[1].store_s = 0.6;
    REQUIRE(row_of(run)["warnings"].size() == 2);
    CHECK(has(row_of(run)["warnings"][0].get<std::string>(), "fetching per request from 62.5 ms to 125 ms"));
    CHECK(has(row_of(run)["warnings"][1].get<std::string>(), "storing per request from 125 ms to 150 ms"));
    for (Repetition& repetition : run.repetitions) repetition.fetch_s *= 0.001, repetition.store_s *= 0.001;
    CHECK(row_of(run)["warnings"].empty());  // too short to tell
  }

  TEST_CASE("more workers than cores are warned of: each measures the others' work as well") {
    RunResult run = test::a_run();
    run.workers = 8;
    REQUIRE(row_of(run)["warnings"].size() == 1);
    CHECK(has(row_of(run)["warnings"][0].get<std::string>(), "8 workers share 2 cores"));
    run.workers = 2;
    CHECK(row_of(run)["warnings"].empty());
  }

  TEST_CASE("lifetimes are the backend's own, null where it does not tell; hits lost to a ttl are warned of") {
    RunResult run = test::a_run();
    CHECK(row_of(run)["lifetimes"]["expired_lookups"].is_null());
    CHECK(row_of(run)["lifetimes"]["evicted_values"].is_null());
    run.repetitions[0].counts.lifetimes = {0, 2, 3, 4, 5};
    CHECK(row_of(run)["warnings"].empty());
    run.repetitions[0].counts.lifetimes.expired_lookups = 1;
    run.repetitions.push_back(run.repetitions[0]);
    run.repetitions[1].counts.lifetimes.expired_lookups = 6;
    const Json row = row_of(run);
    CHECK(row["lifetimes"].dump() ==
          R"({"expired_lookups":1,"lost_lookups":2,"renewals":3,"expired_values":4,"evicted_values":5})");
    CHECK(row["repetitions"][1]["lifetimes"]["expired_lookups"] == 6);
    REQUIRE(row["warnings"].size() == 1);
    CHECK(has(row["warnings"][0].get<std::string>(), "7 lookups of blocks were in vain"));
    CHECK(has(row["warnings"][0].get<std::string>(), "ttl_mode=sliding"));
  }

  TEST_CASE("a skipped row says why, and none of its metrics is a number") {
    const Json row = row_of(test::a_skipped_run());
    CHECK(row["skipped"] == "no redis-server is installed");
    for (const Field& field : fields()) {
      if (field.role == Role::metric) CHECK_MESSAGE(is_null(row, field.path), field.path);
    }
    CHECK(row["repetitions"].empty());
  }

  TEST_CASE("unknown is null, never 0 and never NaN: no samples, no time, no requests, no counter") {
    RunResult run = test::a_redis_run();
    run.repetitions[0] = Repetition{};
    const Json row = row_of(run);
    for (const char* path :
         {"ttft.with_cache.mean_ns", "speedup.ratio_of_means", "speedup.geomean", "speedup.p95", "hits.token_hit_rate",
          "hits.evictions", "store_lag.occupancy", "bytes.codec_ratio", "fetch.overlap", "store.overlap",
          "throughput.requests_per_s", "throughput.fetched_bytes_per_s", "hits.insertions", "bytes.wire_in_bytes",
          "bytes.wire_out_bytes", "speedup.slower_most_token_hits"}) {
      CHECK_MESSAGE(is_null(row, path), path);
    }
    CHECK(row["hits"]["block_hits"] == 0);
    run.harness_overhead_ns_per_request = std::numeric_limits<double>::quiet_NaN();
    run.repetitions[0].busy_s = std::numeric_limits<double>::infinity();
    const std::vector<RunResult> runs = {run};
    ReportContext context = test::a_context();
    context.limits.tcp = std::numeric_limits<double>::infinity();
    const Json report = make_report(context, runs);
    CHECK(report["limits"]["tcp_bytes_per_s"].is_null());
    CHECK(is_null(report["runs"][0], "harness.overhead_ns_per_request"));
    CHECK(at(report["runs"][0], "throughput.requests_per_s") == 0);
    CHECK(read_report_text(render(report, Format::json), "r.json").has_value());
  }

  TEST_CASE("the document says where, when, with what and on which workload") {
    const Json report = make_report(test::a_context(), {});
    CHECK(report["schema"] == "kvkit.report/1");
    CHECK(report["tool"] ==
          Json{{"name", "kvbench"}, {"version", "0.1.0"}, {"revision", "3110240bf1"}, {"build_type", "release"}});
    CHECK(report["started_at"] == "2026-01-01T00:00:00Z");
    CHECK(report["workload"]["path"] == "workloads/chat.jsonl");
    CHECK(report["workload"]["span_ms"] == 3536999);
    CHECK(report["workload"]["bad_lines"] == 1);
    CHECK(report["machine"]["memory_bytes"] == 25769803776);
    CHECK(report["machine"]["cpu_governor"].is_null());
    CHECK(report["limits"]["tcp_bytes_per_s"] == 4.1e9);
    CHECK(report["command_line"][1] == "run");
    CHECK(report["config"]["model"] == "llama-3.1-8b");
    CHECK(report["interrupted"] == false);
    CHECK(make_report(ReportContext{}, {})["started_at"].is_null());
  }

  TEST_CASE("the machine's warnings are added once") {
    ReportContext context = test::a_context();
    context.machine.build_type = "debug";
    context.warnings = {"first"};
    Json warnings = make_report(context, {})["warnings"];
    REQUIRE(warnings.size() == 2);
    CHECK(warnings[0] == "first");
    context.warnings = machine_warnings(context.machine);
    CHECK(make_report(context, {})["warnings"].size() == 1);
  }

  TEST_CASE("a report survives being written and read") {
    const std::vector<RunResult> runs = {test::a_run(), test::a_redis_run(), test::a_skipped_run()};
    const Json report = make_report(test::a_context(), runs);
    const auto read = read_report_text(render(report, Format::json), "r.json");
    REQUIRE_MESSAGE(read.has_value(), read.error().message);
    CHECK(*read == report);
  }

  TEST_CASE("a list of reports, as kvbench report writes of several, is read as all of them") {
    const std::vector<RunResult> one = {test::a_run()}, two = {test::a_redis_run(), test::a_run()};
    const Json first = make_report(test::a_context(), one), second = make_report(test::a_context(), two);
    const std::string text = render(Json(std::vector<Json>{first, second}), Format::json);
    const auto read = read_reports_text(text, "r.json");
    REQUIRE_MESSAGE(read.has_value(), (read ? "" : read.error().message));
    CHECK(*read == std::vector<Json>{first, second});
    CHECK(read_reports_text(first.dump(), "r.json")->size() == 1);
    CHECK(has(message_of(text), "r.json: holds 2 reports where one is wanted"));
    const auto wrong = read_reports_text("[" + first.dump() + ", {\"schema\": \"kvkit.report/1\"}]", "r.json");
    REQUIRE_FALSE(wrong);
    CHECK(has(wrong.error().message, "r.json[1]: .runs must be a list"));
    CHECK_FALSE(read_reports_text("[]", "r.json").has_value());
  }

  TEST_CASE("what is no report is refused with the place and the reason") {
    CHECK(has(message_of(""), "r.json: is empty"));
    CHECK(has(message_of("\n \n"), "is empty"));
    CHECK(has(message_of("{\n\"a\": oops}"), "r.json:2: not JSON"));
    CHECK(has(message_of("{\"schema\": \"kvkit.report/1\", "), "truncated"));
    CHECK(has(message_of("{\"schema\": \"kvkit.rep"), "truncated"));
    CHECK(has(message_of("[1, 2]"), "not a kvkit report"));
    CHECK(has(message_of("{\"schema\": \"kvkit.probe/1\"}"), "kvkit.probe/1"));
    CHECK(has(message_of("{\"schema\": \"kvkit.report/2\"}"), "newer kvkit"));
    CHECK(has(message_of("{\"schema\": \"kvkit.report/99999999999999999999\"}"), "not kvkit.report/1"));
    CHECK(has(message_of("{\"schema\": \"kvkit.report/1\"}"), ".runs must be a list"));
    CHECK(has(message_of("{\"schema\": \"kvkit.report/1\", \"runs\": [7]}"), ".runs[0] must be an object"));
    CHECK(has(message_of("{\"schema\": \"kvkit.report/1\", \"runs\": [{\"codec\": \"raw\"}]}"), ".runs[0].backend"));
    CHECK(has(message_of("{\"x\": 1e999}"), "out of range"));
    CHECK(has(message_of(std::string(100000, '[')), "nested deeper"));
    CHECK(has(message_of("[" + std::string(5 << 20, ',')), "more than 4194304 values"));
    CHECK(has(message_of(std::string((64 << 20) + 1, ' ')), "larger than"));
    CHECK(has(message_of(std::string(40, '[') + "\"" + std::string(100, '[')), "truncated"));  // quoted: no nesting
  }

  TEST_CASE("a figure of the wrong type is named") {
    const std::vector<RunResult> runs = {test::a_run(), test::a_run()};
    const Json good = make_report(test::a_context(), runs);
    const auto refused = [&good](std::string_view pointer, Json value, const char* words) {
      Json bad = good;
      bad[Json::json_pointer(std::string(pointer))] = std::move(value);
      return has(message_of(bad.dump()), words);
    };
    CHECK(refused("/runs/1/hits/block_hits", "many", ".runs[1].hits.block_hits must be a number"));
    CHECK(refused("/runs/0/hits/block_hits", -1, "not negative"));
    CHECK(refused("/runs/0/scaled", 1, ".runs[0].scaled must be true or false"));
    CHECK(refused("/runs/0/errors/examples", Json::array({1}), "list of texts"));
    CHECK(refused("/machine/cpu", 7, ".machine.cpu must be a text"));
    CHECK(refused("/warnings", "no", ".warnings must be a list"));
    Json unknown = good;
    unknown["runs"][0]["hits"]["block_hits"] = nullptr;
    unknown["runs"][0].erase("speedup");
    CHECK(message_of(unknown.dump()).empty());
  }

  TEST_CASE("a file that cannot be read is named with the reason") {
    const auto absent = read_report("/no/such/report.json");
    REQUIRE_FALSE(absent);
    CHECK(has(absent.error().message, "/no/such/report.json: cannot be read: No such file"));
    CHECK(absent.error().code == Code::bad_input);
    const auto directory = read_report(std::filesystem::temp_directory_path().string());
    REQUIRE_FALSE(directory);
    CHECK(has(directory.error().message, "cannot be read"));
  }

  TEST_CASE("CSV has one line a run, the field paths as header, and quotes what needs it") {
    RunResult odd = test::a_run("local:?a=1,b=\"2\"\n");
    odd.error_examples = {"first", "second"};
    const std::vector<RunResult> runs = {test::a_run(), odd};
    const std::string csv = render(make_report(test::a_context(), runs), Format::csv);
    std::string header;
    for (const Field& field : fields()) header.append(header.empty() ? "" : ",").append(field.path);
    CHECK(csv.substr(0, csv.find('\n')) == header);
    CHECK(has(csv, "\nlocal:?capacity=8GiB,raw,"));
    CHECK(has(csv, "\n\"local:?a=1,b=\"\"2\"\"?\",raw,"));
    CHECK(has(csv, ",first; second,"));
    CHECK(std::count(csv.begin(), csv.end(), '\n') == 3);
  }

  TEST_CASE("a format that does not exist suggests the nearest") {
    CHECK(parse_format("markdown") == Format::markdown);
    CHECK(has(parse_format("jsn").error().hint, "json"));
    CHECK(has(parse_format("pdf-with-charts").error().hint, "one of"));
  }
}
