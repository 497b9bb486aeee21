#include <doctest/doctest.h>

#include <sstream>

#include "report/report.hpp"
#include "report/text.hpp"
#include "report/view.hpp"
#include "support/report_fixture.hpp"

namespace {

using namespace kv;

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

Json report_of(const std::vector<RunResult>& runs) { return make_report(test::a_context(), runs); }
std::string verdict_of(const std::vector<RunResult>& runs) { return verdict(report_of(runs)); }

/// The same requests, but `slower_ms` more with the cache.
RunResult slower_by(std::int64_t slower_ms) {
  RunResult run = test::a_run();
  Repetition& r = run.repetitions[0];
  r.ttft = r.speedup_millionths = Histogram();
  r.log_speedup_sum = 0;
  for (const std::int64_t baseline : {400, 400, 300, 500}) {
    r.ttft.record(test::ms(baseline + slower_ms));
    r.speedup_millionths.record(static_cast<std::uint64_t>(1000000 * baseline / (baseline + slower_ms)));
  }
  r.counts.slower_requests = slower_ms > 0 ? 4 : 0;
  r.counts.slower_without_hit = slower_ms > 0 ? 1 : 0;
  r.counts.slower_most_token_hits = slower_ms > 0 ? 160 : 0;
  return run;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_SUITE("verdict") {
  TEST_CASE("a gain: what was saved over the engine's own cache, what it cost, which requests paid") {
    RunResult run = test::a_run();
    run.workers = 1;
    run.repetitions[0].counts.slower_requests = run.repetitions[0].counts.slower_without_hit = 1;
    run.repetitions[0].counts.unstored_failed_bytes = 0;
    run.repetitions[0].speedup_millionths.record(std::uint64_t{800000});
    CHECK(
        verdict_of({run}) ==
        "local:?capacity=8GiB cut mean TTFT (prefill and upload modelled) from 400 ms to 250 ms (1.60x), serving 30.0% "
        "of the input tokens, on top of the 10.0% that the engine's own cache had. It fetched 2.9 KiB and stored "
        "5.9 KiB, had no room for 450 B, and storing took another 6.5 ms on average behind the first token of 4 "
        "requests that stored. It made 1 of 4 requests (25.0%) slower, the worst by 25.0%; it found nothing there.");
  }

  TEST_CASE("the best of several rows is judged; null: and skipped rows never are") {
    const std::string text =
        verdict_of({test::a_run("null:"), slower_by(50), test::a_redis_run(), test::a_skipped_run()});
    CHECK(has(text, "The best of 2, redis://cache.example:6379/0?ttl=1h, cut mean TTFT"));
    CHECK(has(verdict_of({test::a_run("null:"), test::a_skipped_run()}), "nothing to judge"));
    CHECK(has(verdict_of({}), "nothing to judge"));
  }

  TEST_CASE("rows of one backend are told apart by codec") {
    RunResult fp16 = test::a_run();
    fp16.codec = "fp16";
    fp16.repetitions[0].ttft_baseline.record(test::ms(5000));
    CHECK(has(verdict_of({test::a_run(), fp16}), "local:?capacity=8GiB with fp16"));
  }

  TEST_CASE("no is said when the answer is no") {
    CHECK(has(verdict_of({slower_by(100)}), "No: local:?capacity=8GiB does not help: mean TTFT"));
    CHECK(has(verdict_of({slower_by(100)}), "went from 400 ms to 500 ms, although it served 30.0%"));
    CHECK(has(verdict_of({slower_by(100)}), "4 of 4 requests (100.0%) slower, the worst by 33.3%"));
    CHECK(has(verdict_of({slower_by(1)}), "mean TTFT (prefill and upload modelled) stayed at 401 ms"));
    CHECK(has(verdict_of({slower_by(900)}), "the worst took 4.00x its time"));
    CHECK(has(verdict_of({slower_by(1)}), "slower, each by less than 1%"));
    CHECK(has(verdict_of({slower_by(100), slower_by(120)}), "No: even the best, local:"));
    RunResult useless = slower_by(1);
    useless.repetitions[0].counts.token_hits = 0;
    CHECK(has(verdict_of({useless}), "No: local:?capacity=8GiB had nothing to serve beyond the 10.0% of the input"));
    useless.repetitions[0].counts.engine_token_hits = 0;
    CHECK(has(verdict_of({useless}), "had nothing to serve; mean TTFT"));
  }

  TEST_CASE("what was not stored is put down to what kept it out, and nothing that is there already is called lost") {
    RunResult run = test::a_run();
    CHECK(has(verdict_of({run}),
              "stored 5.9 KiB, had no room for 450 B (or another request was storing it), "
              "failed to store 20 B, and storing took"));
    run.repetitions[0].counts.unstored_refused_bytes = run.repetitions[0].counts.unstored_failed_bytes = 0;
    CHECK(has(verdict_of({run}), "stored 5.9 KiB, and storing took"));
  }

  TEST_CASE("which requests were slower: counted over all repetitions, by what they found") {
    RunResult run = test::a_run();
    CHECK(has(verdict_of({run}), "It made no request slower."));
    run.repetitions.push_back(test::four_requests());
    CHECK(has(verdict_of({run}), "It made no request slower in any repetition."));
    Counts& second = run.repetitions[1].counts;
    second.slower_requests = 3;
    CHECK(has(verdict_of({run}), "It made 3 of 8 requests (37.5%) slower over all repetitions"));
    CHECK(has(verdict_of({run}), "; they were served at most 0 tokens from there."));
    second.slower_most_token_hits = 512;
    second.slower_without_hit = 2;
    CHECK(has(verdict_of({run}), "; 2 of them found nothing there, the others at most 512 tokens."));
    second.slower_without_hit = 3;
    CHECK(has(verdict_of({run}), "; all of them found nothing there."));
    second.slower_requests = 1, second.slower_without_hit = 0;
    CHECK(has(verdict_of({run}), "; it was served 512 tokens from there."));
  }

  TEST_CASE("measured prefill is not called modelled") {
    RunResult run = test::a_run();
    run.prefill_provenance = "measured";
    CHECK(has(verdict_of({run}), "cut mean TTFT from"));
  }

  TEST_CASE("scaled runs: only hits are judged, and no time of theirs is shown as TTFT") {
    RunResult run = test::a_run();
    run.scaled = true;
    const std::string text = verdict_of({run});
    CHECK(has(text, "served 30.0% of the input tokens"));
    CHECK(has(text, "only hits are judged"));
    CHECK_FALSE(has(text, "1.60x"));
    const std::string table = render(report_of({run}), Format::table);
    CHECK(has(table, "scaled"));
    CHECK_FALSE(has(table, "250 ms"));
    CHECK_FALSE(has(table, "1.60x"));
  }

  TEST_CASE("means per request are over the requests that there were, also where the last repetition was cut short") {
    RunResult run = test::a_run();
    Repetition cut;
    cut.interrupted = true;
    cut.counts.requests = 1;
    cut.phases[static_cast<std::size_t>(Phase::prefill)].record(test::ms(60));
    run.repetitions.push_back(cut);
    CHECK(has(phase_lines(report_of({run}))[0].first_token, "prefill (modelled) 60 ms "));
  }

  TEST_CASE("phases that ran at once are said to, and what that won; those that did not are not") {
    RunResult run = test::a_run();
    CHECK_FALSE(has(phase_lines(report_of({run}))[0].first_token, "overlapped"));
    run.overlaps = true;
    const PhaseLines line = phase_lines(report_of({run}))[0];
    CHECK(has(line.first_token, "; overlapped, so fetching took 25 ms (1.60x faster)"));
    CHECK(has(line.store, "; overlapped, so storing took 5 ms (1.00x faster)"));
  }

  TEST_CASE("rates have their unit in the heading, and none where nothing moved") {
    RunResult run = test::a_run();
    run.repetitions[0].counts.fetched_bytes = 500'000'000;  // in 0.25 s, by each of two workers
    run.repetitions[0].counts.stored_bytes = 0;
    const std::vector<std::string> row = runs_table(report_of({run})).rows[0];
    REQUIRE(row.size() >= 2);
    CHECK(row[row.size() - 2] == "4.00");
    CHECK(row[row.size() - 1] == "-");
  }

  TEST_CASE("trouble comes before praise") {
    RunResult run = test::a_run();
    run.repetitions[0].counts.corrupt_values = 2;
    run.repetitions[0].counts.failed_ops = 3;
    ReportContext context = test::a_context();
    context.interrupted = true;
    const std::vector<RunResult> runs = {run};
    const std::string text = verdict(make_report(context, runs));
    CHECK(text.find("The run was interrupted") == 0);
    CHECK(text.find("2 values came back corrupt") < text.find("cut mean TTFT"));
    CHECK(has(text, "3 operations and 0 requests failed"));
    const std::string table = render(make_report(context, runs), Format::table);
    CHECK(has(table, "corrupt"));
    CHECK_FALSE(has(render(report_of({test::a_run()}), Format::table), "corrupt"));
  }

  TEST_CASE("no line of the table is wider than asked, whatever stands in it") {
    RunResult run = test::a_redis_run();
    run.backend = "redis://" + std::string(150, 'h') + ":6379/0?ttl=1h";
    run.warnings = {"a warning of many words that goes on and on until it cannot possibly fit a line of any terminal"};
    const Json report = report_of(
        {run, test::a_run("local:?name=\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97"), test::a_skipped_run()});
    for (const std::size_t width : {60, 80, 100, 140}) {
      CAPTURE(width);
      for (const std::string& line : lines_of(render(report, Format::table, {false, width}))) {
        CHECK_MESSAGE((display_width(line) <= width || line.find(std::string(150, 'h')) != std::string::npos), line);
      }
    }
  }

  TEST_CASE("colour only when asked for, and nothing in a report can steer the terminal") {
    const Json report = report_of({test::a_run("local:?x=\033[31mred\a")});
    for (const Format format : {Format::table, Format::csv, Format::markdown}) {
      CHECK_FALSE(has(render(report, format), "\033"));
    }
    CHECK(has(render(report, Format::table, {true, 100}), "\033[1m"));
    CHECK_FALSE(has(render(report, Format::table, {true, 100}), "\033[31mred"));
  }

  TEST_CASE("Markdown keeps its table whatever the names are") {
    const std::string text = render(report_of({test::a_run("local:?a|b<script>")}), Format::markdown);
    CHECK(has(text, "local:?a\\|b&lt;script>"));
    CHECK(has(text, "| ---: |"));
    CHECK(has(text, "<details>"));
  }

  TEST_CASE("text is measured in columns, not bytes") {
    CHECK(display_width("abc") == 3);
    CHECK(display_width("\xc3\xa9t\xc3\xa9") == 3);         // e acute
    CHECK(display_width("e\xcc\x81") == 1);                 // combining acute
    CHECK(display_width("\xe6\xbc\xa2\xe5\xad\x97") == 4);  // two wide characters
    CHECK(display_width("\xff\xc0\xaf") == 3);              // broken bytes, one '?' each
    CHECK(printable("a\tb\x7f\xc3\xa9\xff") == "a?b?\xc3\xa9?");
    CHECK(shorten_middle("abcdefghij", 7) == "ab...ij");
    CHECK(shorten_middle("abcdefghij", 8) == "abc...ij");
    CHECK(shorten_middle("abcdefghij", 10) == "abcdefghij");
    CHECK(shorten_middle("abcdefghij", 2) == "ab");
    CHECK(display_width(shorten_middle("\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2", 8)) <= 8);
    CHECK(padded("\xc3\xa9", 3, Align::right) == "  \xc3\xa9");
    CHECK(wrapped("one two three", 7) == "one two\nthree");
    CHECK(wrapped("one two three", 9, 2, 5) == "one\n  two\n  three");
  }

  TEST_CASE("a table that cannot fit leaves out columns from the right and says which") {
    const Table table{{{"name", Align::left, 4}, {"one\ntwo"}, {"last"}}, {{"abcdefghijkl", "1", "12345678"}}};
    const TableLines wide = lay_out(table, 80);
    CHECK(wide.left_out.empty());
    CHECK(wide.headings == std::vector<std::string>{"              one", "name          two      last"});
    CHECK(wide.rows == std::vector<std::string>{"abcdefghijkl    1  12345678"});
    const TableLines shrunk = lay_out(table, 22);
    CHECK(shrunk.rows == std::vector<std::string>{"ab...kl    1  12345678"});
    const TableLines narrow = lay_out(table, 12);
    CHECK(narrow.left_out == std::vector<std::string>{"last"});
    CHECK(narrow.rows == std::vector<std::string>{"ab...kl    1"});
  }
}
