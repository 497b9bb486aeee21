#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "import/import.hpp"
#include "import/registry.hpp"
#include "support/import_samples.hpp"
#include "support/source_dir.hpp"
#include "support/traces.hpp"
#include "workload/read.hpp"
#include "workload/trace_line.hpp"

using namespace kv;

namespace {

using Values = std::vector<std::pair<std::string, std::string>>;

struct Made {
  Imported imported;
  std::string text;
};

Made import_ok(const std::string& text, const std::string& from, const Values& values = {},
               std::optional<Tokens> objects = std::nullopt) {
  MemorySink sink;
  const auto imported = import_text(text, "in", {from, objects, values}, sink);
  REQUIRE_MESSAGE(imported, (imported ? "" : imported.error().message));
  return {*imported, sink.text()};
}

Error import_error(const std::string& text, const std::string& from, const Values& values = {},
                   std::optional<Tokens> objects = std::nullopt) {
  MemorySink sink;
  const auto imported = import_text(text, "in", {from, objects, values}, sink);
  REQUIRE_FALSE(imported.has_value());
  CHECK(imported.error().code == Code::bad_input);
  return imported.error();
}

/// Reads what was made as every tool does, with the block size that the import names.
Workload read(const Made& made) {
  ReadNotes notes;
  auto workload = read_workload_text(made.text, "out", {made.imported.sum.block_size, false}, notes);
  REQUIRE_MESSAGE(workload, (workload ? "" : workload.error().message));
  CHECK(workload->size() == made.imported.sum.requests);
  return std::move(*workload);
}

struct Row {
  double ms;
  std::uint64_t input, output;
  std::vector<BlockId> ids;
  std::string session, tenant, group, type;
  std::optional<double> delay_ms;
};

std::vector<Row> rows(const Made& made) {
  auto source = memory_source(made.text, "out");
  LineReader lines(std::move(*source));
  TraceLineParser parser;
  std::vector<Row> out;
  Line line;
  TraceLine request;
  while (*lines.next(line)) {
    REQUIRE(parser.parse(line, request));
    const Origin& o = request.origin;
    const auto ms = [](Duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
    out.push_back({ms(request.at),
                   request.input.count(),
                   request.output.count(),
                   {request.ids.begin(), request.ids.end()},
                   std::string(o.session),
                   std::string(o.tenant),
                   std::string(o.group),
                   std::string(o.type),
                   o.delay ? std::optional(ms(*o.delay)) : std::nullopt});
  }
  return out;
}

bool warns(const Imported& imported, const std::string& text) {
  return std::any_of(imported.warnings.begin(), imported.warnings.end(),
                     [&](const std::string& warning) { return warning.find(text) != std::string::npos; });
}

bool contains(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("import formats") {
  TEST_CASE("every format has a sample, is told by its content alone, and makes a trace that is read") {
    for (const ImportFormat& format : import_formats()) {
      INFO(format.name);
      REQUIRE(test::import_samples().count(format.name) == 1);
      const std::string& sample = test::import_samples().at(format.name);
      const Made made = import_ok(sample, "auto");
      CHECK(made.imported.format == format.name);
      CHECK(made.imported.detected);
      read(made);
      const std::string bom = "\xef\xbb\xbf" + sample;
      CHECK(import_ok(bom, "auto").text == made.text);
      CHECK(import_ok(sample, format.name).text == made.text);
      CHECK_FALSE(format.summary.empty());
      for (const std::uint64_t factor : {2, 3}) {
        read(import_ok(sample, "auto", {}, factor * made.imported.sum.block_size));
      }
      if (made.imported.sum.block_size.count() % 4 == 0) {
        read(import_ok(sample, "auto", {}, made.imported.sum.block_size / 4));
      }
    }
  }

  TEST_CASE("docs/importing.md tells of every format and option") {
    std::ifstream file(test::source_dir() + "/docs/importing.md");
    const std::string page((std::istreambuf_iterator<char>(file)), {});
    for (const ImportFormat& format : import_formats()) {
      CHECK_MESSAGE(page.find("| `" + format.name + "` |") != std::string::npos, format.name);
      for (const OptionRow& option : format.options) {
        CHECK_MESSAGE(page.find("--" + option.key) != std::string::npos, option.key);
      }
    }
  }

  TEST_CASE("line ends of any kind, and a missing last one, make no difference") {
    for (const auto& [name, sample] : test::import_samples()) {
      INFO(name);
      std::string lf, crlf, mixed;
      bool other = false;
      for (const char c : sample) {
        if (c == '\r') continue;
        if (c == '\n') crlf += '\r';
        if (c == '\n' && (other = !other)) mixed += '\r';
        lf += c;
        crlf += c;
        mixed += c;
      }
      const std::string expected = import_ok(lf, name).text;
      while (!lf.empty() && lf.back() == '\n') lf.pop_back();
      for (const std::string& text : {lf, crlf, mixed}) CHECK(import_ok(text, name).text == expected);
    }
  }

  TEST_CASE("a truncated file is an error that names the line, or what is there so far") {
    for (const auto& [name, sample] : test::import_samples()) {
      for (std::size_t size = 1; size + 2 < sample.size(); size += 7) {
        MemorySink sink;
        const auto imported = import_text(sample.substr(0, size), "in", {name, {}, {}}, sink);
        if (imported) continue;
        INFO(name << ": " << imported.error().message);
        CHECK(imported.error().code == Code::bad_input);
        CHECK(imported.error().message.rfind("in:", 0) == 0);
      }
    }
  }

  TEST_CASE("an unknown or ambiguous format is told with the list of formats") {
    CHECK(contains(import_error("hello, world\n", "auto").hint, "mooncake"));
    CHECK(contains(import_error("{}", "auto").hint, "vllm-events"));
    CHECK(contains(import_error("x", "azur").hint, "did you mean azure?"));
    CHECK(contains(import_error(R"({"conversations": [], "request_id": 1, "input_length": 4})", "auto").message,
                   "looks like servegen and like sharegpt"));
    CHECK(contains(import_error(test::import_samples().at("azure"), "auto", {{"tokenizer", "x"}}).message,
                   "azure: unknown option 'tokenizer'"));
  }

  TEST_CASE("a Mooncake trace comes through as it is, unsorted ones sorted with a warning") {
    const Made made = import_ok(test::import_samples().at("mooncake"), "mooncake");
    CHECK(made.text == test::import_samples().at("mooncake"));
    CHECK(made.imported.warnings.empty());
    const std::string late =
        R"({"timestamp": 9, "input_length": 600, "output_length": 1, "hash_ids": [1, 2], "tenant": "t", "type": "x"})"
        "\n"
        R"({"timestamp": 4, "input_length": 900, "output_length": 2, "hash_ids": [3, 4]})";
    const Made sorted = import_ok(late, "mooncake");
    CHECK(rows(sorted)[0].ms == 4);
    CHECK(rows(sorted)[1].tenant == "t");
    CHECK(rows(sorted)[1].type == "x");
    CHECK(warns(sorted.imported, "1 requests come before the one in front of them, by up to 5 ms (the first: in:2)"));
    CHECK(sorted.imported.sum.sorted_requests == 1);
    CHECK(contains(
        import_error(R"({"timestamp": 0, "input_length": -3, "output_length": 1, "hash_ids": [1]})", "mooncake")
            .message,
        "in:1: input_length must be a whole number"));
  }

  TEST_CASE("ids with two parents or two sizes get ids of their own, and chain renames all alike") {
    const std::string text = R"({"timestamp": 0, "input_length": 1100, "output_length": 1, "hash_ids": [1, 2, 3]})"
                             "\n"
                             R"({"timestamp": 1, "input_length": 1500, "output_length": 1, "hash_ids": [1, 2, 3]})"
                             "\n"
                             R"({"timestamp": 2, "input_length": 1400, "output_length": 1, "hash_ids": [2, 1, 4]})";
    const Made kept = import_ok(text, "mooncake", {{"block-size", "512"}});
    CHECK(warns(kept.imported, "3 of 9 block ids"));
    CHECK(rows(kept)[0].ids == std::vector<BlockId>{1, 2, 3});
    CHECK(rows(kept)[1].ids[1] == 2);
    CHECK(rows(kept)[1].ids[2] != 3);
    const IdealHits hits = ideal_hits(read(kept));
    CHECK(hits.block_hits == 2);
    const Made chained = import_ok(text, "mooncake", {{"block-size", "512"}, {"ids", "chain"}});
    CHECK(ideal_hits(read(chained)).block_hits == 2);
    CHECK(rows(chained)[0].ids[0] == rows(chained)[1].ids[0]);
  }

  TEST_CASE("AIPerf rows that carry only what is new become whole prompts, with session and delay") {
    const Made made = import_ok(test::import_samples().at("aiperf"), "aiperf");
    CHECK(warns(made.imported, "2 later rows of 1 sessions carry only what is new"));
    const std::vector<Row> r = rows(made);
    REQUIRE(r.size() == 4);
    CHECK(r[0].ms == 10.5);
    CHECK(r[0].input == 1024);
    CHECK(r[0].ids == std::vector<BlockId>{1, 2});
    CHECK(r[0].group == "7");
    CHECK(r[1].session == "b");  // at 100 ms
    CHECK(r[2].ms == 510.5);
    CHECK(r[2].input == 2 * 512 + 600);
    CHECK(r[2].ids[2] == 3);
    CHECK(r[2].ids[3] != 4);  // partial here, full in the turn behind it
    CHECK(r[3].ms == 760.5);
    CHECK(r[3].input == 4 * 512 + 512);
    CHECK(r[3].ids == std::vector<BlockId>{1, 2, 3, 4, 5});
    CHECK(r[3].delay_ms == 250);
    CHECK(r[3].session == "a");
    CHECK(ideal_hits(read(made)).block_hits == 1 + 2 + 3);
    const Made literal = import_ok(test::import_samples().at("aiperf"), "aiperf", {{"turns", "whole"}});
    CHECK(rows(literal)[3].ids == std::vector<BlockId>{5});
  }

  TEST_CASE("AIPerf rows that carry whole prompts stay as they are, with their own or their delays' times") {
    const std::string text =
        R"({"session_id": "a", "timestamp": 0, "input_length": 600, "output_length": 4, "hash_ids": [1, 2]})"
        "\n"
        R"({"session_id": "a", "delay": 100.25, "input_length": 1200, "output_length": 4, "hash_ids": [1, 3, 4]})"
        "\n"
        R"({"session_id": "a", "timestamp": 900, "input_length": 1600, "hash_ids": [1, 3, 5, 6]})";
    const Made made = import_ok(text, "auto");
    CHECK_FALSE(warns(made.imported, "rebuilt"));
    CHECK(rows(made)[1].ids == std::vector<BlockId>{1, 3, 4});
    CHECK(rows(made)[1].ms == 100.25);
    CHECK(rows(made)[2].ms == 900);
    CHECK(warns(made.imported, "1 requests have no output length"));
    CHECK(contains(import_error(R"({"session_id": "a", "input_length": 600, "hash_ids": [1]})"
                                "\n"
                                R"({"session_id": "a", "input_length": 1200, "hash_ids": [1]})"
                                "\n"
                                R"({"session_id": "a", "input_length": 1300, "hash_ids": [1, 2, 3]})",
                                "aiperf")
                       .message,
                   "in:3:"));
  }

  TEST_CASE("Bailian chats are sessions, seconds become milliseconds, ids behind other blocks are told apart") {
    const Made made = import_ok(test::import_samples().at("bailian"), "bailian");
    const std::vector<Row> r = rows(made);
    CHECK(r[0].ms == 500);
    CHECK(r[1].ms == 61114);
    for (const Row& row : r) CHECK(row.session == "55");
    CHECK(r[1].type == "search");
    CHECK(r[1].ids == std::vector<BlockId>{10, 11, 12, 13});
    CHECK(r[2].ids[0] != 12);  // 12 stood behind 11
    CHECK(ideal_hits(read(made)).block_hits == 2);
    CHECK(contains(
        import_error(R"({"chat_id": 1, "timestamp": 0, "input_length": 40, "output_length": 1, "hash_ids": [1]})",
                     "bailian")
            .message,
        "in:1: hash_ids has 1 entry, but input_length 40 needs 3"));
  }

  TEST_CASE("ServeGen's batches have no times: all at 0, or spaced by --rate; stat rows share nothing") {
    const Made made = import_ok(test::import_samples().at("servegen"), "servegen");
    CHECK(warns(made.imported, "no arrival times"));
    CHECK(warns(made.imported, "no output length"));
    CHECK(rows(made)[1].ms == 0);
    CHECK(rows(made)[1].ids == std::vector<BlockId>{0, 1, 3});
    CHECK(rows(made)[1].type == "multimodal");
    CHECK(rows(import_ok(test::import_samples().at("servegen"), "servegen", {{"rate", "4"}}))[1].ms == 250);
    const std::string stat =
        "{\"request_id\": 0, \"type\": \"text\", \"input_length\": 61, \"output_length\": 2370, \"duration\": 14000}\n"
        "{\"request_id\": 1, \"type\": \"text\", \"input_length\": 54, \"output_length\": 2031, \"duration\": 11630}\n";
    const Made lengths = import_ok(stat, "auto");
    CHECK(lengths.imported.format == "servegen");
    CHECK(rows(lengths)[0].output == 2370);
    CHECK(ideal_hits(read(lengths)).block_hits == 0);
    CHECK(warns(lengths.imported, "does not tell what prompts share"));
  }

  TEST_CASE("Azure's times keep their seven digits and begin at 0; what is wrong is told with line and column") {
    const Made made = import_ok(test::import_samples().at("azure"), "azure");
    CHECK(rows(made)[0].ms == 0);
    CHECK(rows(made)[1].ms == 52);
    CHECK(rows(made)[2].ms == doctest::Approx(2303.265));
    CHECK(rows(made)[2].input == 110);
    CHECK(ideal_hits(read(made)).block_hits == 0);
    const std::string head = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
    const Made later = import_ok(
        head +
            "2024-05-10 00:00:00.009930+00:00,2162,5\n2024-05-10 00:00:00+00:00,0,5\n2024-05-10 02:00:00+02:00,9,5\n",
        "auto");
    CHECK(later.imported.sum.requests == 2);
    CHECK(warns(later.imported, "1 requests without a prompt were left out (the first: in:3)"));
    CHECK(rows(later)[1].ms == 9.93);
    CHECK(contains(
        import_error("TIMESTAMP,Context,GeneratedTokens\n", "azure").message,
        "in:1: there is no column 'ContextTokens'; the columns are 'TIMESTAMP', 'Context', 'GeneratedTokens'"));
    CHECK(contains(import_error(head + "2023-11-16 18:17:03,-4,1\n", "azure").message, "in:2: ContextTokens must be"));
    CHECK(contains(import_error(head + "2023-11-16 18:17:03,4\n", "azure").message, "in:2: the record has 2 fields"));
    CHECK(contains(import_error(head + "yesterday,4,1\n", "azure").message, "in:2: TIMESTAMP must be a time"));
    CHECK(contains(import_error(head + "2023-11-16 18:17:03,99999999999,1\n", "azure").message, "GeneratedTokens") ==
          false);
    CHECK(contains(import_error(head, "azure").message, "no request"));
  }

  TEST_CASE("BurstGPT's columns may stand in any order; models, sessions and kinds are kept") {
    const Made made = import_ok(test::import_samples().at("burstgpt"), "burstgpt");
    const std::vector<Row> r = rows(made);
    CHECK(r[1].ms == 45250);
    CHECK(r[1].session == "s-1");
    CHECK(r[2].group == "GPT-4");
    CHECK(r[2].type == "API log");
    const Made old = import_ok("Response tokens,Request tokens,Timestamp\n18,472,5\n\"1\",\"2\",\"7\"\n", "auto");
    CHECK(rows(old)[0].input == 472);
    CHECK(rows(old)[1].output == 1);
  }

  TEST_CASE("an assumed sharing profile is labelled on every line, in warnings and assumptions, and is repeatable") {
    std::string text = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n";
    for (int i = 0; i < 400; ++i) text += fmt::format("{},{},{},20,0,x\n", i, i % 2 ? "a" : "b", 600 + i * 37 % 3000);
    const Values profile{{"sharing", "system=512,hit=40%"}, {"block-size", "128"}};
    const Made made = import_ok(text, "auto", profile);
    const bool repeatable = made.text == import_ok(text, "auto", profile).text;
    CHECK(repeatable);
    const bool other_seed_differs = made.text != import_ok(text, "auto", {profile[0], profile[1], {"seed", "2"}}).text;
    CHECK(other_seed_differs);
    CHECK(warns(made.imported, "is assumed (system=512,prompts=1,hit=0.4), not measured: 40.0 %"));
    for (const Row& row : rows(made)) CHECK(row.type == "assumed");
    const Workload workload = read(made);
    // Every request shares the system prompt of its model: 4 blocks, but for the first two.
    CHECK(ideal_hits(workload).block_hits > 4 * 398);
    CHECK(ideal_hits(workload).requests_with_hit == 398);
    const Made system = import_ok(text, "auto", {{"sharing", "system=512"}, {"block-size", "128"}});
    CHECK(ideal_hits(read(system)).block_hits == 4 * 398);
    CHECK(contains(import_error(text, "auto", {{"sharing", "hits=0.4"}}).hint, "did you mean 'hit'?"));
    CHECK(contains(import_error(text, "auto", {{"sharing", "hit=1.4"}}).message, "--sharing"));
  }

  TEST_CASE("ShareGPT: every assistant turn is a request, and what conversations share is found") {
    const Made made = import_ok(test::import_samples().at("sharegpt"), "sharegpt", {{"block-size", "4"}});
    const std::vector<Row> r = rows(made);
    REQUIRE(r.size() == 3);
    // 78 bytes and a role: 82 bytes are 21 tokens; 51 bytes are 13.
    CHECK(r[0].input == 21);
    CHECK(r[0].output == 13);
    CHECK(r[0].session == "c_0");
    // 82 + 4 + 51 + 4 + 18 = 159 bytes.
    CHECK(r[1].input == 40);
    CHECK(r[1].output == 7);
    // c_1 differs from its 58th byte on: 4 + 57 of them hold 3 blocks of 16.
    const IdealHits hits = ideal_hits(read(made));
    CHECK(r[1].ids[4] == r[0].ids[4]);
    CHECK(r[2].ids[2] == r[0].ids[2]);
    CHECK(r[2].ids[3] != r[0].ids[3]);
    CHECK(hits.block_hits == 5 + 3);
    CHECK(made.imported.assumptions[0] == std::pair<std::string, std::string>{"tokens", "bytes / 4"});
    const std::vector<Row> spaced =
        rows(import_ok(test::import_samples().at("sharegpt"), "auto", {{"rate", "0.5"}, {"turn-gap", "1500ms"}}));
    CHECK(spaced[0].ms == 0);
    CHECK(spaced[1].ms == 1500);
    CHECK(spaced[1].delay_ms == 1500);
    CHECK(spaced[2].ms == 2000);
    CHECK(
        contains(import_error(R"([{"id": 1, "conversations": [{"value": "x"}]}])", "sharegpt").message, "no \"from\""));
    CHECK(
        contains(import_error("[{\"id\": 1, \"conversations\": []}\n {", "sharegpt").message, "in:2: a comma or ']'"));
    CHECK(contains(import_error("[{\"id\": 1, \"conversations\": []},\n {\"id\"", "sharegpt").message,
                   "in:2: the file ends"));
    CHECK(contains(import_error("[{\"id\": \"\xff\xfe\", \"conversations\": []}]", "sharegpt").message,
                   "in:1: malformed JSON"));
  }

  TEST_CASE("message logs: an answer makes one request of a row, else every assistant turn is one") {
    const Made made = import_ok(test::import_samples().at("openai"), "openai");
    const std::vector<Row> r = rows(made);
    REQUIRE(r.size() == 2);
    CHECK(r[1].ms == 2000);
    CHECK(r[0].output == 1);
    CHECK(r[1].output == 2);
    CHECK(r[0].tenant == "u1");
    CHECK(r[0].session.empty());  // "id" is that of the answer
    CHECK(r[0].group == "m");
    CHECK(r[0].ids[0] == r[1].ids[0]);
    const std::string log =
        R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "x"}]}]})"
        "\n"
        R"({"body": {"model": "other", "messages": [{"role": "user", "content": "a"}]}, "custom_id": "q"})"
        "\n";
    const Made turns = import_ok(log, "auto");
    REQUIRE(turns.imported.sum.requests == 3);
    CHECK(rows(turns)[0].ids[0] != rows(turns)[2].ids[0]);  // another model
    CHECK(warns(turns.imported, "1 requests have no answer"));
  }

  TEST_CASE("a message log may hold times as dates, in seconds or in milliseconds") {
    const auto line = [](const std::string& time) {
      return "{\"timestamp\": " + time +
             ", \"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \"response\": \"b\"}\n";
    };
    const Made made =
        import_ok(line("1700000000") + line("1700000001500") + line("\"2023-11-14T22:13:23Z\""), "openai");
    CHECK(rows(made)[1].ms == 1500);
    CHECK(rows(made)[2].ms == 3000);
    CHECK(contains(import_error(line("\"soon\""), "openai").message, "in:1: timestamp must be a time"));
  }

  TEST_CASE("vLLM's events become requests: what stood in front was a hit, single blocks behind are output") {
    const Made made = import_ok(test::import_samples().at("vllm-events"), "vllm-events");
    const std::vector<Row> r = rows(made);
    REQUIRE(r.size() == 2);
    CHECK(r[0].ms == 0);
    CHECK(r[0].ids == std::vector<BlockId>{101, 102, 103});
    CHECK(r[0].input == 48);
    CHECK(r[0].output == 16);
    CHECK(r[1].ms == 29500);
    CHECK(r[1].ids == std::vector<BlockId>{101, 102, 201, 202});
    CHECK(ideal_hits(read(made)).block_hits == 2);
    CHECK(warns(made.imported, "requests that hit as a whole"));
    const Made cut = import_ok(R"([{"ts": 5, "events": [["BlockStored", ["Zm9v"], "YmFy", [1], 32, null]]}])", "auto");
    CHECK(warns(cut.imported, "1 requests begin behind blocks"));
    CHECK(cut.imported.sum.input_tokens == 64);
    CHECK(contains(
        import_error(R"({"ts": 1, "events": [{"type": "BlockStored", "block_hashes": [1], "block_size": 0}]})", "auto")
            .message,
        "in:1: block_size"));
  }

  TEST_CASE("the real trace comes through byte by byte, and regrouped with the figures that follow") {
    const auto path = test::trace_path("conversation_trace.jsonl");
    if (!path) return;
    ReadNotes notes;
    const auto before = read_workload(*path, {}, notes);
    REQUIRE(before);
    MemorySink sink;
    const auto imported = import_trace(*path, {"auto", {}, {}}, sink);
    REQUIRE_MESSAGE(imported, (imported ? "" : imported.error().message));
    CHECK(imported->warnings.empty());
    const auto after = read_workload_text(sink.text(), "out", {}, notes);
    REQUIRE(after);
    CHECK(summarize(*after).block_refs == 288500);
    CHECK(summarize(*after).unique_blocks == summarize(*before).unique_blocks);
    CHECK(ideal_hits(*after).token_hits == ideal_hits(*before).token_hits);
    for (const std::uint64_t tokens : {2048, 128}) {
      MemorySink regrouped;
      const auto made = import_trace(*path, {"mooncake", Tokens(tokens), {}}, regrouped);
      REQUIRE(made);
      const auto objects = read_workload_text(regrouped.text(), "out", {}, notes);
      REQUIRE_MESSAGE(objects, (objects ? "" : objects.error().message));
      CHECK(objects->block_size() == Tokens(tokens));
      CHECK(summarize(*objects).input_tokens == summarize(*before).input_tokens);
      const double hits = static_cast<double>(ideal_hits(*objects).token_hits) / ideal_hits(*before).token_hits;
      if (tokens < 512) CHECK(hits == 1);  // no more is seen to be shared than before
      if (tokens > 512) CHECK(hits < 1);
    }
  }
}
