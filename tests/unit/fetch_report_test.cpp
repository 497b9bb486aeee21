#include <doctest/doctest.h>

#include "report/document.hpp"
#include "report/view.hpp"
#include "support/report_fixture.hpp"

using namespace kv;
using namespace std::chrono_literals;

namespace {

/// A cache that loses: its mean hit of 512 tokens takes 20 ms, computing it 8 ms.
RunResult losing_run() {
  RunResult run = test::a_run("redis://cache:6379");
  run.fetch.mode = FetchMode::adaptive;
  run.fetch.text = "adaptive";
  RowBreakEven& row = run.break_even;
  row.fetches = 40;
  row.line = FetchLine{12e-3, 0.5e-9};
  row.limit = Tokens(8192);
  row.reference = Tokens(512);
  row.behind = Tokens(100);
  row.reference_fetch = 20ms;
  row.reference_recompute = 8ms;
  row.prefix = Tokens(2048);
  row.needed = NeededBandwidth{8e9, 2e9};
  row.decode_lost_gpu = 3ms;
  Repetition& r = run.repetitions[0];
  Counts& c = r.counts;
  c.declined_bytes = 700, c.declined_requests = 2, c.declined_block_hits = 20, c.declined_token_hits = 320;
  c.explored_requests = 1, c.hedges_started = 3, c.hedges_recomputed = 2, c.late_bytes = 900;
  c.won_requests = 1, c.won_token_hits = 160, c.judged_requests = 4, c.predicted_requests = 2, c.wrong_requests = 1;
  for (const Duration regret : {0ms, 0ms, 0ms, 100ms}) r.regret.record(regret);
  r.judged_ttft_s = 1;
  r.saved_gpu_s = 0.4;
  r.hedge_wasted_gpu_s = 0.05;
  r.won_s = 0.6;
  r.lost_s = 0.1;
  return run;
}

Json row_of(const RunResult& run) {
  const std::vector<RunResult> runs{run};
  return make_report(test::a_context(), runs)["runs"][0];
}

Json report_of(const RunResult& run) {
  const std::vector<RunResult> runs{run};
  return make_report(test::a_context(), runs);
}

}  // namespace

TEST_SUITE("fetch report") {
  TEST_CASE("policy, regret, GPU time and break-even stand where they belong") {
    const Json row = row_of(losing_run());
    const auto at = [&row](const std::string& path) {
      const Json* value = find(row, path);
      REQUIRE_MESSAGE(value != nullptr, path);
      return *value;
    };
    CHECK(at("fetch.policy") == "adaptive");
    CHECK(at("fetch.decides_by_time") == true);
    CHECK(at("bytes.declined_bytes") == 700);
    CHECK(at("fetch.declined_requests") == 2);
    CHECK(at("fetch.declined_block_hits") == 20);
    CHECK(at("fetch.declined_token_hits") == 320);
    CHECK(at("fetch.explored_requests") == 1);
    CHECK(at("fetch.hedges_started") == 3);
    CHECK(at("fetch.hedges_recomputed") == 2);
    CHECK(at("fetch.late_bytes") == 900);
    CHECK(at("fetch.hedge_wasted_gpu_ns") == 50e6);
    CHECK(at("fetch.saved_gpu_ns") == 400e6);
    CHECK(at("fetch.decode_lost_gpu_ns") == 3e6);
    CHECK(at("fetch.regret.mean_ns") == 25e6);
    CHECK(at("fetch.regret.p50_ns") == 0);
    CHECK(at("fetch.regret.p99_ns").get<double>() == doctest::Approx(100e6).epsilon(0.001));
    CHECK(at("fetch.regret.share") == 0.1);
    CHECK(at("fetch.regret.judged_requests") == 4);
    CHECK(at("fetch.regret.predicted_requests") == 2);
    CHECK(at("fetch.regret.wrong_share") == 0.25);
    CHECK(at("breakeven.outcome") == "wins");
    CHECK(at("breakeven.prefix_tokens") == 2048);
    CHECK(at("breakeven.limit_tokens") == 8192);
    CHECK(at("breakeven.fetches") == 40);
    CHECK(at("breakeven.fetch_fixed_ns") == 12e6);
    CHECK(at("breakeven.fetch_bytes_per_s") == 2e9);
    CHECK(at("breakeven.reference_tokens") == 512);
    CHECK(at("breakeven.behind_tokens") == 100);
    CHECK(at("breakeven.reference_fetch_ns") == 20e6);
    CHECK(at("breakeven.reference_recompute_ns") == 8e6);
    CHECK(at("breakeven.needed_per_gpu_bytes_per_s") == 2e9);
    CHECK(at("breakeven.needed_per_engine_bytes_per_s") == 8e9);
    CHECK(at("breakeven.needed_with_latency_per_gpu_bytes_per_s").is_null());
    CHECK(at("breakeven.won_requests") == 1);
    CHECK(at("breakeven.won_request_share") == 0.25);
    CHECK(at("breakeven.won_token_share") == 0.1);  // 160 of 1600
    CHECK(at("breakeven.saved_ns") == 600e6);
    CHECK(at("breakeven.lost_ns") == 100e6);
  }

  TEST_CASE("what is not known is null: few fetches, scaled payloads, skipped rows") {
    Json row = row_of(test::a_run());
    CHECK(find(row, "fetch.policy")->get<std::string>() == "always");
    CHECK(find(row, "breakeven.outcome")->is_null());
    CHECK(find(row, "breakeven.fetch_fixed_ns")->is_null());
    CHECK(find(row, "breakeven.prefix_tokens")->is_null());
    CHECK(find(row, "breakeven.reference_tokens")->is_null());
    CHECK(find(row, "fetch.regret.mean_ns")->is_null());
    CHECK(find(row, "fetch.regret.wrong_share")->is_null());
    RunResult scaled = losing_run();
    scaled.scaled = true;
    row = row_of(scaled);
    for (const char* path : {"breakeven.outcome", "breakeven.prefix_tokens", "breakeven.won_requests",
                             "breakeven.saved_ns", "fetch.regret.mean_ns", "fetch.decode_lost_gpu_ns"}) {
      CAPTURE(path);
      CHECK(find(row, path)->is_null());
    }
    CHECK(*find(row, "fetch.declined_requests") == 2);
    CHECK(break_even_line(row).empty());
    row = row_of(test::a_skipped_run());
    CHECK(find(row, "fetch.declined_requests")->is_null());
    CHECK(find(row, "breakeven.saved_ns")->is_null());
    CHECK(break_even_line(row).empty());
  }

  TEST_CASE("lines of the table: break-even of a row that served, and what a policy other than always did") {
    RunResult run = losing_run();
    CHECK(
        break_even_line(row_of(run)) ==
        "fetching takes 12 ms and 2.00 GB/s, and against prefill (modelled) wins from 2,048 tokens on (looked at up to "
        "8,192); 25.0% of the requests and 10.0% of the tokens won");
    CHECK(policy_line(row_of(run)) ==
          "adaptive: recomputed the hits of 2 requests, fetched those of 1 to learn, 2 of 3 hedges, 50 ms of GPU time "
          "in vain; regret 10.0% of TTFT, 1 of 4 chosen wrong (fetches not made are predicted)");
    run.break_even.prefix.reset();
    CHECK(break_even_line(row_of(run)).find("(modelled) wins at no length up to 8,192 tokens; 25.0%") !=
          std::string::npos);
    run.break_even.line.reset();
    CHECK(break_even_line(row_of(run)) ==
          "25.0% of the requests and 10.0% of the tokens won; too few fetches to tell from which length on");
    run.repetitions[0].counts.block_hits = 0;
    CHECK(break_even_line(row_of(run)).empty());
    CHECK(policy_line(row_of(test::a_run())).empty());
  }

  TEST_CASE("a cache that loses is told in words, one that wins is not") {
    RunResult run = losing_run();
    const std::vector<std::string> notes = loss_notes(report_of(run));
    REQUIRE(notes.size() == 1);
    CHECK(notes[0] ==
          "redis://cache:6379 loses: fetching 512 tokens, the mean hit, takes 20 ms, recomputing them 8 ms (modelled); "
          "it "
          "wins from 2,048 tokens on (looked at up to 8,192)");
    for (const Format format : {Format::table, Format::markdown}) {
      CHECK(render(report_of(run), format, {false, 300}).find("recomputing them 8 ms") != std::string::npos);
    }
    run.codec = "fp8";
    run.break_even.prefix.reset();
    CHECK(loss_notes(report_of(run))[0].find("with fp8 loses") != std::string::npos);
    CHECK(loss_notes(report_of(run))[0].find("it wins at no length up to 8,192 tokens") != std::string::npos);
    // A margin of 1.25: 10 ms may be what recomputing takes, 10.1 ms may not.
    run.break_even.reference_fetch = 9900us;
    CHECK(loss_notes(report_of(run))[0].find("; prefill may take up to 1.25x of that, so it may win as well") !=
          std::string::npos);
    run.break_even.reference_fetch = 10100us;
    CHECK(loss_notes(report_of(run))[0].find("may win") == std::string::npos);
    run.prefill_provenance = "measured";
    CHECK(loss_notes(report_of(run))[0].find("modelled") == std::string::npos);
    run.break_even.reference_fetch = 7ms;
    CHECK(loss_notes(report_of(run)).empty());
    CHECK(loss_notes(report_of(test::a_run())).empty());
  }

  TEST_CASE("the verdict does not say of declined hits that nothing was found") {
    RunResult run = losing_run();
    Counts& c = run.repetitions[0].counts;
    c.block_hits = c.token_hits = c.requests_with_hit = 0;
    c.slower_requests = c.slower_without_hit = 3;
    const std::string text = verdict(report_of(run));
    CHECK(text.find("No: redis://cache:6379 served nothing, for the fetch policy (adaptive) let all that it had be "
                    "recomputed; mean TTFT") == 0);
    CHECK(text.find("slower; all of them were served nothing from there.") != std::string::npos);
  }
}
