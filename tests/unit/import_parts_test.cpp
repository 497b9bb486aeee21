#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "import/csv.hpp"
#include "import/ids.hpp"
#include "import/json_value.hpp"
#include "import/objects.hpp"
#include "import/prompt_blocks.hpp"
#include "import/sharing.hpp"
#include "import/sorter.hpp"
#include "import/times.hpp"
#include "report/import_document.hpp"
#include "support/import_samples.hpp"
#include "support/kept_files.hpp"
#include "support/schema.hpp"
#include "support/source_dir.hpp"
#include "workload/read.hpp"

using namespace kv;

namespace {

CsvReader csv(const std::string& text) { return {std::move(*memory_source(text, "t.csv")), "t.csv"}; }

std::string error_of(CsvReader reader) {
  for (;;) {
    const auto more = reader.next();
    if (!more) return more.error().message;
    if (!*more) return "";
  }
}

/// line:bytes of every item, and the error if there is one.
std::vector<std::string> items(const std::string& text) {
  JsonItems reader(std::move(*memory_source(text, "t.json")), "t.json");
  std::vector<std::string> out;
  JsonItem item;
  for (;;) {
    const auto more = reader.next(item);
    if (!more) out.push_back(more.error().message);
    if (!more || !*more) return out;
    out.push_back(fmt::format("{}:{}", item.line, std::string_view(item.data, item.size)));
  }
}

TraceLine request(Duration at, std::uint64_t line, std::span<const BlockId> ids, std::string_view session) {
  TraceLine out;
  out.at = at;
  out.line = line;
  out.input = Tokens(line + 1);
  out.ids = ids;
  out.origin.session = session;
  if (line % 3 == 0) out.origin.delay = Duration(line);
  return out;
}

}  // namespace

TEST_SUITE("import: CSV") {
  TEST_CASE("quotes hold commas, quotes and newlines; lines may end either way") {
    const std::string text = "a,b\r\n\"x, \"\"y\"\"\n z\",2\n\n,\"\"";
    CsvReader reader = csv(text);
    REQUIRE(*reader.next());
    CHECK(reader[1] == "b");
    REQUIRE(*reader.next());
    CHECK(reader[0] == "x, \"y\"\n z");
    CHECK(reader[1] == "2");
    CHECK(reader.line() == 2);
    REQUIRE(*reader.next());
    CHECK(reader.line() == 5);
    CHECK(reader.size() == 2);
    CHECK(reader[0].empty());
    CHECK_FALSE(*reader.next());
  }

  TEST_CASE("what is broken is told with its line, and quotes that never end are bounded") {
    const std::string open = "a,b\n\"x,1\n2,3\n", many = "a\n" + std::string(3 << 20, 'x'),
                      lines = "a\n\"" + std::string(2 << 20, '\n'), few = "a,b\n1\n";
    CHECK(error_of(csv(open)) == "t.csv:2: a quote is not closed until the end");
    CHECK(error_of(csv(many)) == "t.csv:2: the record is longer than 1 MiB");
    CHECK(error_of(csv(lines)) == "t.csv:2: the record is longer than 1 MiB");
    CHECK(error_of(csv(few)) == "t.csv:2: the record has 1 field, but the first line names 2");
  }

  TEST_CASE("what is written with quotes is read again") {
    rc::check([] {
      const auto text_of_ascii = rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127));
      const auto fields = *rc::gen::container<std::vector<std::string>>(text_of_ascii);
      RC_PRE(fields.size() > 1);
      std::string text;
      for (const std::string& field : fields) {
        text += text.empty() ? "\"" : ",\"";
        for (const char c : field) text += c == '"' ? std::string("\"\"") : std::string(1, c == '\r' ? ' ' : c);
        text += '"';
      }
      CsvReader reader = csv(text);
      RC_ASSERT(*reader.next());
      RC_ASSERT(reader.size() == fields.size());
      for (std::size_t i = 0; i < fields.size(); ++i) {
        std::string expected = fields[i];
        std::replace(expected.begin(), expected.end(), '\r', ' ');
        RC_ASSERT(reader[i] == expected);
      }
    });
  }
}

TEST_SUITE("import: JSON items") {
  TEST_CASE("objects come one a line or not, or as elements of arrays") {
    using V = std::vector<std::string>;
    CHECK(items("{\"a\":1}\n{\"b\":\"}\\\"{\"}\n") == V{"1:{\"a\":1}", "2:{\"b\":\"}\\\"{\"}"});
    CHECK(items("[{\"a\":[1,\n2]}, {}\n]\n") == V{"1:{\"a\":[1,\n2]}", "2:{}"});
    CHECK(items("\xef\xbb\xbf [ ] [[1,2], [3]]") == V{"1:[1,2]", "1:[3]"});
    CHECK(items("[1.5, [2]]\n[ 2, []]") == V{"1:[1.5, [2]]", "2:[ 2, []]"});
    CHECK(items("") == V{});
  }

  TEST_CASE("what is no sequence of objects is told with its line") {
    CHECK(items("{}\nx")[1] == "t.json:2: what stands here is no JSON object");
    CHECK(items("[{} {}]")[1] == "t.json:1: a comma or ']' is missing between two values");
    CHECK(items("[{},\n]")[1] == "t.json:2: what stands here is no JSON object");
    CHECK(items("[{}\n")[1] == "t.json:2: the file ends within an array: is it truncated?");
    CHECK(items("\n{\"a\": \"\\")[0] == "t.json:2: the file ends within the value that begins here: is it truncated?");
  }

  TEST_CASE("an item may be longer than any window") {
    const std::string item = "{\"a\":\"" + std::string(3'000'000, 'x') + "\"}";
    CHECK(items(item + item) == std::vector<std::string>{"1:" + item, "1:" + item});
  }
}

TEST_SUITE("import: times") {
  TEST_CASE("dates and times are read to the nanosecond, in any zone, or not at all") {
    using std::chrono::nanoseconds;
    // date -u -d '2023-11-16 18:17:03' +%s: 1700158623
    CHECK(parse_date_time("2023-11-16 18:17:03.9799600") == nanoseconds(1700158623'979960000));
    CHECK(parse_date_time("2023-11-16T19:17:03.5+01:00") == nanoseconds(1700158623'500000000));
    CHECK(parse_date_time("2023-11-16 18:17:03Z") == nanoseconds(1700158623'000000000));
    CHECK(parse_date_time("2023-11-16 11:17:03.1234567899-0700") == nanoseconds(1700158623'123456789));
    for (const char* wrong :
         {"", "2023-11-16", "2023-02-30 00:00:00", "2023-11-16 24:00:00", "1969-12-31 23:59:59", "2023-11-16 18:17:03.",
          "2023-11-16 18:17:03x", "2023-11-16 18:17:03+1", "-023-11-16 18:17:03"}) {
      CHECK_FALSE(parse_date_time(wrong));
    }
    CHECK(parse_seconds("45.25") == nanoseconds(45'250000000));
    CHECK(parse_seconds("7") == nanoseconds(7'000000000));
    for (const char* wrong : {"", "-1", "1e3", "nan", "1.", ".5", "99999999999", "1,5"})
      CHECK_FALSE(parse_seconds(wrong));
  }
}

TEST_SUITE("import: sorting") {
  TEST_CASE("requests come out in order of time, equal ones as they came, whether or not they fit memory") {
    rc::check([](const std::vector<std::uint8_t>& times) {
      for (const std::size_t memory : {std::size_t{1} << 20, std::size_t{400}, std::size_t{1}}) {
        ArrivalSorter sorter(memory);
        std::vector<std::pair<int, std::uint64_t>> expected;
        for (std::uint64_t i = 0; i < times.size(); ++i) {
          const std::vector<BlockId> ids(i % 5 + 1, i);
          const std::string session(i % 4, 'x');
          RC_ASSERT(sorter.add(request(Duration(times[i]), i, ids, session)).has_value());
          expected.emplace_back(times[i], i);
        }
        std::stable_sort(expected.begin(), expected.end(), [](auto& a, auto& b) { return a.first < b.first; });
        std::size_t at = 0;
        const auto drained = sorter.drain([&](const TraceLine& line) -> Result<void> {
          const std::uint64_t i = expected[at].second;
          RC_ASSERT(line.at == Duration(expected[at++].first));
          RC_ASSERT(line.line == i);
          RC_ASSERT(line.ids.size() == i % 5 + 1);
          RC_ASSERT(line.ids.back() == i);
          RC_ASSERT(line.origin.session.size() == i % 4);
          RC_ASSERT(line.origin.delay.has_value() == (i % 3 == 0));
          return {};
        });
        RC_ASSERT(drained.has_value());
        RC_ASSERT(at == times.size());
      }
    });
  }
}

TEST_SUITE("import: objects") {
  TEST_CASE("larger objects have the id of their last block, the last one may be partial") {
    const std::vector<BlockId> blocks{1, 2, 3, 4, 5};
    auto larger = Regrouper::make(Tokens(16), Tokens(32));
    const auto two = larger->apply(blocks, Tokens(70));
    CHECK(std::vector<BlockId>(two->begin(), two->end()) == std::vector<BlockId>{2, 4, 5});
    CHECK(larger->apply(std::span(blocks).first(4), Tokens(50))->size() == 2);
    auto smaller = Regrouper::make(Tokens(16), Tokens(4));
    const auto pieces = smaller->apply(std::span(blocks).first(2), Tokens(21));
    CHECK(pieces->size() == 6);
    CHECK(std::set<BlockId>(pieces->begin(), pieces->end()).size() == 6);
    CHECK(Regrouper::make(Tokens(16), Tokens(24)).error().hint == "a multiple of 16, as 16 or 32");
    CHECK_FALSE(Regrouper::make(Tokens(16), Tokens(5)));
    CHECK_FALSE(Regrouper::make(Tokens(16), Tokens(0)));
    CHECK_FALSE(Regrouper::make(Tokens(1 << 24), Tokens(1))->apply(blocks, Tokens(UINT32_MAX)));
  }

  TEST_CASE("a token that is shared in objects is shared in blocks, and the other way round in full objects") {
    rc::check([](const std::vector<std::uint8_t>& seed, std::uint8_t split) {
      RC_PRE(!seed.empty());
      // Prompts over a small tree: the id of a block is a hash of all tokens up to its end.
      Random random(seed.size() + 256 * seed[0] + 65536 * split);
      for (const std::uint64_t to : {2, 4, 12, 24}) {
        auto regrouper = Regrouper::make(Tokens(12), Tokens(to));
        WorkloadBuilder builder{Tokens(to)};
        for (std::uint64_t i = 0; i < 30; ++i) {
          std::vector<BlockId> blocks;
          std::optional<BlockId> parent;
          const Tokens input(1 + random.below(100));
          for (std::uint64_t at = 0; at < input.count(); at += 12) {
            const Tokens tokens(std::min<std::uint64_t>(12, input.count() - at));
            blocks.push_back(chained_id(parent, random.below(2), tokens));
            parent = blocks.back();
          }
          const auto objects = regrouper->apply(blocks, input);
          RC_ASSERT(objects.has_value());
          RC_ASSERT(objects->size() == ceil_div(input.count(), to));
          RC_ASSERT(builder.add(Duration(i), input, Tokens(0), *objects).has_value());
        }
      }
    });
  }
}

TEST_SUITE("import: ids") {
  TEST_CASE("whatever a source calls its blocks, what is made of it has one parent and one size an id") {
    rc::check([](const std::vector<std::vector<std::uint8_t>>& prompts, std::uint8_t cut) {
      for (const IdMode mode : {IdMode::keep, IdMode::chain}) {
        IdKeeper keeper(mode, Tokens(16));
        WorkloadBuilder builder{Tokens(16)};
        for (const std::vector<std::uint8_t>& prompt : prompts) {
          if (prompt.empty()) continue;
          std::vector<BlockId> ids;
          for (const std::uint8_t id : prompt) ids.push_back(id % 8);
          const Tokens input(16 * ids.size() - cut % 16);
          const auto out = keeper.apply(ids, input);
          RC_ASSERT(out.has_value());
          RC_ASSERT(builder.add(Duration(0), input, Tokens(0), *out).has_value());
        }
      }
    });
  }
}

TEST_SUITE("import: assumed sharing") {
  TEST_CASE("a request that goes on with another shares all of its full blocks") {
    SharingProfile profile{Tokens(32), 1, 1.0};
    AssumedBlocks blocks(Tokens(16), profile, 7);
    const auto first = blocks.next({Tokens(70), Tokens(10)});
    const std::vector<BlockId> a(first.begin(), first.end());
    CHECK(a == std::vector<BlockId>{0, 1, 2, 3, 4});
    const auto next = blocks.next({Tokens(81), Tokens(10)});
    CHECK(std::vector<BlockId>(next.begin(), next.end()) == std::vector<BlockId>{0, 1, 2, 3, 5, 6});
    const auto shorter = blocks.next({Tokens(20), Tokens(1)});  // too short to go on with either
    CHECK(std::vector<BlockId>(shorter.begin(), shorter.end()) == std::vector<BlockId>{0, 7});
    CHECK(blocks.continued() == 1);
  }

  TEST_CASE("sessions go on with themselves, groups share nothing") {
    AssumedBlocks blocks(Tokens(16), SharingProfile{Tokens(16), 1, 0}, 1);
    const auto make = [&](std::uint64_t input, const char* group, const char* session) {
      const auto ids = blocks.next({Tokens(input), Tokens(1), group, session});
      return std::vector<BlockId>(ids.begin(), ids.end());
    };
    const auto a = make(48, "m", "s"), b = make(64, "m", "s"), c = make(64, "n", "s"), d = make(64, "n", "");
    CHECK(b[2] == a[2]);
    CHECK(c[0] != a[0]);
    CHECK(d[0] == c[0]);
    CHECK(d[1] != c[1]);
  }

  TEST_CASE("any lengths under any profile make a trace that is read") {
    rc::check([](const std::vector<std::uint16_t>& lengths, std::uint8_t system, std::uint8_t hit, std::uint8_t block) {
      const Tokens size(1 + block % 40);
      AssumedBlocks blocks(size, SharingProfile{Tokens(system), 3, hit / 255.0}, block);
      WorkloadBuilder builder{size};
      for (const std::uint16_t length : lengths) {
        const Tokens input(1 + length % 2000);
        const auto ids = blocks.next({input, Tokens(length % 7), length % 2 ? "a" : "b", length % 5 ? "" : "s"});
        RC_ASSERT(ids.size() == ceil_div(input.count(), size.count()));
        RC_ASSERT(builder.add(Duration(0), input, Tokens(0), ids).has_value());
      }
    });
  }
}

TEST_SUITE("import: tokens") {
  TEST_CASE("a SentencePiece model counts tokens; what is none is told") {
    const auto tokenizer = Tokenizer::load(test::source_dir() + "/tests/support/tiny.model");
    REQUIRE_MESSAGE(tokenizer, (tokenizer ? "" : tokenizer.error().message));
    std::vector<int> ids;
    REQUIRE(tokenizer->encode("a block of tokens", ids));
    CHECK(ids.size() > 2);
    CHECK(ids.size() < 17);  // fewer than letters
    PromptBlocks blocks(Tokens(4), &*tokenizer);
    REQUIRE(blocks.append("user", "a block of tokens"));
    CHECK(blocks.tokens().count() == ids.size() + 1);
    CHECK(blocks.ids().size() == ceil_div(ids.size() + 1, 4));
    CHECK(blocks.count("a block of tokens")->count() == ids.size());
    CHECK_FALSE(Tokenizer::load(test::source_dir() + "/README.md"));
    CHECK_FALSE(Tokenizer::load("/nowhere/tokenizer.model"));
  }

  TEST_CASE("equal prefixes have equal ids, however they were put together, and only they") {
    PromptBlocks a(Tokens(2), nullptr), b(Tokens(2), nullptr);
    REQUIRE(a.append("user", "0123456789"));
    REQUIRE(b.append("user", "0123456789"));
    CHECK(a.ids() == b.ids());
    const std::vector<BlockId> before = a.ids();
    REQUIRE(a.append("assistant", "x"));
    CHECK(a.ids()[0] == before[0]);
    CHECK(a.ids()[1] != before[1]);  // it was partial
    b.clear("some model");
    REQUIRE(b.append("user", "0123456789"));
    CHECK(b.ids()[0] != before[0]);
    b.clear();
    REQUIRE(b.append("system", "0123456789"));
    CHECK(b.ids()[0] != before[0]);
  }
}

TEST_SUITE("import report") {
  TEST_CASE("documents fit the schema, and the file in reports/ is the schema") {
    for (const auto& [name, sample] : test::import_samples()) {
      MemorySink sink;
      const auto imported = import_text(sample, name, {}, sink);
      REQUIRE(imported);
      const Json document = make_import_document({{"kvtrace", "import"}, Json::object(), "out", *imported});
      CHECK(test::violations(document, import_schema()) == std::vector<std::string>{});
      CHECK(document["trace"]["requests"] == imported->sum.requests);
      CHECK(document["trace"]["span_ms"].is_null() == (name == "servegen" || name == "sharegpt"));
      CHECK(document["trace"]["output_tokens"].is_null() == (name == "servegen"));
    }
    test::check_kept("reports/kvkit.import-1.schema.json", import_schema().dump(2) + "\n");
    const Json sample = test::check_sample("reports/samples/kvkit.import-1.json", import_schema());
    CHECK(sample["schema"] == kImportSchema);
  }
}
