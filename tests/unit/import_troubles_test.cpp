#include <doctest/doctest.h>

#include <algorithm>

#include "import/import.hpp"
#include "import/registry.hpp"
#include "support/import_samples.hpp"

using namespace kv;

namespace {

Result<Imported> import(const std::string& text, const std::string& from,
                        const std::vector<std::pair<std::string, std::string>>& values = {}) {
  MemorySink sink;
  return import_text(text, "in", {from, std::nullopt, values}, sink);
}

bool warns(const Result<Imported>& imported, const std::string& text) {
  REQUIRE_MESSAGE(imported, (imported ? "" : imported.error().message));
  return std::any_of(imported->warnings.begin(), imported->warnings.end(),
                     [&](const std::string& warning) { return warning.find(text) != std::string::npos; });
}

void fails(const Result<Imported>& imported, const std::string& message) {
  REQUIRE_FALSE(imported.has_value());
  INFO(imported.error().message);
  CHECK(imported.error().code == Code::bad_input);
  CHECK(imported.error().message.find(message) != std::string::npos);
  CHECK_FALSE(imported.error().hint.empty());
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

}  // namespace

TEST_SUITE("import troubles") {
  TEST_CASE("whatever is wrong with a file of any format, the error says what to try") {
    for (const ImportFormat& format : import_formats()) {
      CAPTURE(format.name);
      const std::string& sample = test::import_samples().at(format.name);
      fails(import("", "auto"), "in: there is no request in it");
      fails(import("", format.name), "in: there is no request in it");
      fails(import("\n\r\n", format.name), "in: there is no");
      fails(import("<html>404</html>\n", format.name), "in:1:");
      fails(import(std::string(100'000, '['), format.name), "in:1:");
      fails(import(std::string(2'000, '{') + std::string(2'000, '}'), format.name), "in:1:");
      fails(import(sample + "\n\xff\xfe\n", format.name), "in:");
      fails(import(sample.substr(0, sample.size() / 2), format.name), "in:");
    }
  }

  TEST_CASE("numbers that no request can have are told with their line and what to try") {
    const auto aiperf = [](const std::string& length) {
      return import(R"({"session_id": "a", "input_length": )" + length + R"(, "output_length": 1})", "aiperf");
    };
    for (const char* length : {"-1", "0", "1.5", "1e30", "99999999999999999999999", "\"x\"", "NaN", "[]"}) {
      fails(aiperf(length), "in:1:");
    }
    fails(aiperf("null"), "in:1: the field input_length is missing");
  }

  TEST_CASE("CSV that is not UTF-8, or names a column twice, is refused") {
    const std::string& sample = test::import_samples().at("burstgpt");
    fails(import(replaced(sample, "GPT-4", "GPT\xff"), "burstgpt"), "the record is not valid UTF-8");
    fails(import(replaced(sample, "Timestamp", "Time\xfftamp"), "burstgpt"), "in:1: the record is not valid UTF-8");
    fails(import("TIMESTAMP,ContextTokens,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,4,5,6\n", "auto"),
          "in:1: there is more than one column 'ContextTokens'");
  }

  TEST_CASE("BurstGPT rows whose total is not the sum are told: their columns may be shifted") {
    const std::string head = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n";
    CHECK_FALSE(warns(import(head + "5,M,472,18,490,API log\n", "auto"), "total tokens"));
    CHECK(warns(import(head + "5,M,472,18,490,API log\n6,M,472,490,18,API log\n", "auto"),
                "1 requests have other total tokens than request and response together: are columns shifted? (the "
                "first: in:3)"));
  }

  TEST_CASE("turns and batches out of order are told") {
    CHECK(warns(import(R"({"session_id": "a", "timestamp": 500, "input_length": 512, "hash_ids": [1]})"
                       "\n"
                       R"({"session_id": "a", "timestamp": 400, "input_length": 1024, "hash_ids": [1, 2]})",
                       "auto"),
                "1 turns come before their session's turn in front of them; sorted (the first: in:2)"));
    const std::string stored = R"("events": [{"type": "BlockStored", "block_hashes": [1, 2], "block_size": 16}]})";
    CHECK(warns(import(R"({"ts": 5, )" + stored + R"({"ts": 4, )" + stored, "auto"),
                "1 batches are older than the one in front of them"));
  }

  TEST_CASE("AIPerf rows with little more than a length are told by content, and what they may be is said") {
    const auto alone = import("{\"input_length\": 10, \"hash_ids\": [123]}\n", "auto");
    CHECK(warns(alone, "1 requests have no output length"));
    CHECK(alone->format == "aiperf");
    const std::string turns =
        "{\"session_id\": \"a\", \"input_length\": 300, \"output_length\": 40}\n"
        "{\"session_id\": \"a\", \"delay\": 2, \"input_length\": 150, \"output_length\": 20}\n";
    CHECK(warns(import(turns, "auto"), "without hash_ids it cannot be told what later rows of sessions carry"));
    CHECK_FALSE(warns(import(turns, "auto", {{"turns", "new"}}), "it cannot be told"));
  }
}
