#include "workload/read.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

using namespace kv;

namespace {

std::string line(double at, std::uint64_t input, const std::string& ids) {
  return fmt::format(R"({{"timestamp": {}, "input_length": {}, "output_length": 5, "hash_ids": [{}]}})", at, input,
                     ids) +
         "\n";
}

Result<Workload> read(const std::string& text, const ReadOptions& options = {}) {
  ReadNotes notes;
  return read_workload_text(text, "t.jsonl", options, notes);
}

ReadOptions sized(std::uint64_t block_size, bool lenient = false) { return {Tokens(block_size), lenient}; }

/// The error of a two-line trace whose first line is fine and whose second one is `bad`.
std::string second_line_error(const std::string& bad) {
  const auto workload = read(line(10, 20, "1, 2") + bad + "\n", sized(16));
  REQUIRE_FALSE(workload.has_value());
  CHECK(workload.error().code == Code::bad_input);
  CHECK_FALSE(workload.error().hint.empty());
  return workload.error().message;
}

bool starts(const std::string& text, const std::string& with) {
  INFO(text);
  return text.rfind(with, 0) == 0;
}

std::string with(const std::string& field, const std::string& value) {
  std::string text = "{";
  for (const auto& [name, preset] : std::vector<std::pair<std::string, std::string>>{
           {"timestamp", "10"}, {"input_length", "20"}, {"output_length", "5"}, {"hash_ids", "[1, 2]"}}) {
    text += fmt::format("{}\"{}\": {}", text.size() > 1 ? ", " : "", name, name == field ? value : preset);
  }
  return text + "}";
}

}  // namespace

TEST_SUITE("workload reader") {
  TEST_CASE("reads what a trace says, whatever the order of its fields") {
    const auto w = read(line(0, 33, "7, 8, 9") +
                        R"({"hash_ids":[7,18446744073709551615],"x":{"a":[1,"}",null,true,-2.5e3]},"output_length":0,)"
                        R"("input_length":17,"timestamp":1500.25,"note":"\u00e9\n"})");
    REQUIRE_MESSAGE(w.has_value(), (w ? "" : w.error().message));
    CHECK(w->block_size() == Tokens(16));
    CHECK(w->size() == 2);
    CHECK((*w)[1].at == std::chrono::microseconds(1500250));
    CHECK((*w)[1].output == Tokens(0));
    CHECK(w->id(3) == UINT64_MAX);
  }

  TEST_CASE("blank lines, CRLF, a byte order mark and a last line without newline are fine") {
    ReadNotes notes;
    const auto w =
        read_workload_text("\xef\xbb\xbf" + with("", "") + "\r\n\r\n  \t\n" + with("", ""), "t", sized(16), notes);
    REQUIRE(w.has_value());
    CHECK(w->size() == 2);
    CHECK(notes.lines == 4);
  }

  TEST_CASE("a missing, doubled or mistyped field is named, with its line") {
    CHECK(second_line_error(R"({"timestamp": 10, "input_length": 20, "hash_ids": [1, 2]})") ==
          "t.jsonl:2: the field output_length is missing");
    CHECK(second_line_error("{}") == "t.jsonl:2: the field timestamp is missing");
    CHECK(second_line_error(R"({"timestamp": 10, "timestamp": 11})") == "t.jsonl:2: the field timestamp occurs twice");
    CHECK(second_line_error(R"({"timestamp": 10, "time\u0073tamp": 11})") ==
          "t.jsonl:2: the field timestamp occurs twice");
    const std::string length = "t.jsonl:2: input_length must be a whole number from 1 to 4294967295, but is ";
    CHECK(second_line_error(with("input_length", "0")) == length + "0");
    CHECK(second_line_error(with("input_length", "-1")) == length + "-1");
    CHECK(second_line_error(with("input_length", "1.5")) == length + "1.5");
    CHECK(second_line_error(with("input_length", "\"20\"")) == length + "\"20\"");
    CHECK(second_line_error(with("input_length", "4294967296")) == length + "4294967296");
    CHECK(second_line_error(with("input_length", "1e300")) == length + "1e300");
    CHECK(second_line_error(with("input_length", "null")) == length + "null");
    CHECK(starts(second_line_error(with("output_length", "-1")),
                 "t.jsonl:2: output_length must be a whole number from 0"));
    CHECK(starts(second_line_error(with("output_length", "99999999999999999999999")),
                 "t.jsonl:2: output_length must be"));
    for (const char* value :
         {"-1", "-0.5", "1e300", "1e400", "NaN", "9223372036854775808", "\"0\"", "true", "[]", "01"}) {
      CHECK(starts(second_line_error(with("timestamp", value)),
                   "t.jsonl:2: timestamp must be a number of milliseconds from 0 to 9e12, but is "));
    }
    for (const char* value : {"5", "{}", "\"x\"", "null"}) {
      CHECK(starts(second_line_error(with("hash_ids", value)),
                   "t.jsonl:2: hash_ids must be an array of numbers, but is "));
    }
    CHECK(starts(second_line_error(with("hash_ids", "[1, -2]")), "t.jsonl:2: hash_ids[1] must be a whole number"));
    CHECK(starts(second_line_error(with("hash_ids", "[1, 2.0]")), "t.jsonl:2: hash_ids[1] must be a whole number"));
    CHECK(starts(second_line_error(with("hash_ids", "[1, 18446744073709551616]")), "t.jsonl:2: hash_ids[1] must be"));
    CHECK(starts(second_line_error(with("hash_ids", "[[1], 2]")), "t.jsonl:2: hash_ids[0] must be"));
    CHECK(starts(second_line_error(with("hash_ids", "[]")), "t.jsonl:2: hash_ids is empty"));
  }

  TEST_CASE("malformed JSON is an error with its line, and never a crash") {
    const std::string good = with("", "");
    for (std::size_t cut = 1; cut < good.size(); ++cut) {
      CHECK(starts(second_line_error(good.substr(0, cut)), "t.jsonl:2: "));
    }
    for (const std::string bad : {"garbage", "[1, 2]", "3", "\"text\"", "{", "}", "{]", "null", "{\"a\" 1}",
                                  "{\"a\": 1,}", "\xff\xfe", "\x80"}) {
      CHECK(starts(second_line_error(bad), "t.jsonl:2: "));
    }
    CHECK(starts(second_line_error(good + " x"), "t.jsonl:2: malformed JSON"));
    CHECK(starts(second_line_error(good + good), "t.jsonl:2: malformed JSON"));
    CHECK(starts(second_line_error(good + "}"), "t.jsonl:2: malformed JSON"));
    CHECK(starts(second_line_error(std::string("\0", 1) + good), "t.jsonl:2: "));
    CHECK(starts(second_line_error(good + std::string("\0", 1)), "t.jsonl:2: "));
    CHECK(starts(second_line_error(with("hash_ids", "[1, 2,]")), "t.jsonl:2: "));
    CHECK(starts(second_line_error(with("hash_ids", "[1 2]")), "t.jsonl:2: "));
    CHECK(starts(second_line_error(with("hash_ids", "[,1]")), "t.jsonl:2: "));
  }

  TEST_CASE("a field that nobody asked for must still be JSON") {
    const auto extra = [](const std::string& value) {
      return read(R"({"x": )" + value + ", " + with("", "").substr(1), sized(16));
    };
    for (const char* value : {"1", "-1.5e-3", "\"\\u0041\"", "[]", "{}", "[[],{}]", "null", "true"}) {
      INFO(value);
      CHECK(extra(value).has_value());
    }
    for (const char* value :
         {"tru", "nul", "nulll", "1.", "-", "\"\\x\"", "[1 2]", "{\"a\"}", "{1:2}", "[1,]", "\"a\nb\""}) {
      INFO(value);
      CHECK_FALSE(extra(value).has_value());
    }
    CHECK(extra(std::string(60, '[') + std::string(60, ']')).has_value());
    CHECK_FALSE(extra(std::string(5000, '[') + std::string(5000, ']')).has_value());
  }

  TEST_CASE("timestamps are sorted") {
    CHECK(second_line_error(with("timestamp", "9.5")) ==
          "t.jsonl:2: timestamp 9.5 is before that of the request in front of it, 10");
    CHECK(read(line(10, 20, "1, 2") + line(10, 20, "1, 2"), sized(16)).has_value());
  }

  TEST_CASE("ids fit the length, and keep their parent") {
    CHECK(second_line_error(with("hash_ids", "[1]")) ==
          "t.jsonl:2: hash_ids has 1 entry, but input_length 20 needs 2 at block size 16");
    CHECK(second_line_error(with("hash_ids", "[2, 1]")) ==
          "t.jsonl:2: id 2 begins the prompt here, but followed 1 earlier");
    CHECK(second_line_error(with("hash_ids", "[8, 2]")) == "t.jsonl:2: id 2 follows 8 here, but followed 1 earlier");
    CHECK(second_line_error(with("hash_ids", "[8, 8]")) == "t.jsonl:2: hash_ids holds id 8 twice");
  }

  TEST_CASE("ids keep their size, whether the block size is given or found at the end") {
    const std::string text = line(0, 33, "1, 2, 3") + line(1, 20, "1, 4") + "\n" + line(2, 21, "1, 4");
    const std::string partial = line(0, 33, "1, 2, 3") + line(1, 30, "1, 4") + "\n" + line(2, 40, "1, 4, 5");
    for (const ReadOptions& options : {ReadOptions{}, sized(16)}) {
      CHECK(read(text, options).error().message ==
            "t.jsonl:4: id 4 ends a prompt of 21 tokens here, but ended one of 20 earlier");
      CHECK(read(partial, options).error().message ==
            "t.jsonl:4: id 4 is partly filled by a prompt of 30 tokens that ends in it, while another prompt goes on "
            "behind it");
      ReadOptions lenient = options;
      lenient.lenient = true;
      ReadNotes notes;
      CHECK(read_workload_text(partial, "t", lenient, notes)->size() == 2);
      CHECK(notes.bad_lines == 1);
    }
  }

  TEST_CASE("the block size follows from the whole input, or is asked for") {
    CHECK(read(line(0, 7322, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14"))->block_size() == Tokens(512));
    const auto ambiguous = read(line(0, 20, "1"));
    REQUIRE_FALSE(ambiguous);
    CHECK(starts(ambiguous.error().message, "t.jsonl: cannot tell the block size: 20 or more"));
    CHECK(read(line(0, 20, "1"), sized(600))->block_size() == Tokens(600));
    const auto late = read(line(0, 20, "1, 2") + line(1, 400, "3, 4"));
    REQUIRE_FALSE(late);
    CHECK(starts(late.error().message,
                 "t.jsonl:2: hash_ids has 2 entries, but input_length 400 needs 25 at block size 16"));
    CHECK_FALSE(read(line(0, 20, "1"), sized(0)));
    CHECK_FALSE(read(line(0, 20, "1"), sized(std::uint64_t{1} << 32)));
  }

  TEST_CASE("nothing to read is an error") {
    for (const char* text : {"", "\n\n", "\xef\xbb\xbf", "  "}) {
      const auto w = read(text);
      REQUIRE_FALSE(w.has_value());
      CHECK(w.error().message == "t.jsonl: there is no request in it");
    }
  }

  TEST_CASE("an input shorter than a byte order mark is read like any other") {
    for (const char* text : {"x", "x\n", "{}", "\xef\xbb"}) {
      INFO(text);
      const auto w = read(text);
      REQUIRE_FALSE(w.has_value());
      CHECK(starts(w.error().message, "t.jsonl:1: "));
    }
  }

  TEST_CASE("lenient skips and counts bad lines, which leave no trace") {
    const std::string text = line(10, 20, "1, 2") + "garbage\n" +  //
                             line(5, 20, "1, 2") +                 // 3: goes back in time
                             line(90, 20, "7, 2") +                // 4: second parent; neither 7 nor time 90 may stay
                             line(20, 20, "8, 7") +                // 5: fine, as 7 was never seen
                             line(30, 20, "1") +                   // 6: does not fit the length
                             line(40, 33, "1, 5, 9") + line(50, 20, "1, 2");
    for (const bool given : {true, false}) {
      ReadOptions options;
      options.lenient = true;
      if (given) options.block_size = Tokens(16);
      ReadNotes notes;
      const auto w = read_workload_text(text, "t.jsonl", options, notes);
      REQUIRE_MESSAGE(w.has_value(), (w ? "" : w.error().message));
      CHECK(w->size() == 4);
      CHECK(w->unique_blocks() == 6);
      CHECK(notes.bad_lines == 4);
      CHECK(notes.lines == 8);
      REQUIRE(notes.first_bad.size() == 4);
      CHECK(notes.first_bad[0] == "t.jsonl:2: the line is not a JSON object");
      CHECK(starts(notes.first_bad[1], "t.jsonl:3: timestamp 5"));
      CHECK(starts(notes.first_bad[2], "t.jsonl:4: id 2 follows 7"));
      CHECK(starts(notes.first_bad[3], "t.jsonl:6: hash_ids has 1 entry"));
    }
  }

  TEST_CASE("lenient does not go on with less than half of the lines, as after one timestamp in the far future") {
    const std::string poisoned = line(10, 20, "1, 2") + line(9e12, 20, "1, 2");
    for (const bool given : {true, false}) {
      ReadOptions options;
      options.lenient = true;
      if (given) options.block_size = Tokens(16);
      std::string text = poisoned;
      for (int i = 0; i < 2; ++i) text += line(20 + i, 20, "1, 2");
      CHECK(read(text, options).has_value());
      const auto w = read(text + line(30, 20, "1, 2"), options);
      REQUIRE_FALSE(w.has_value());
      CHECK(starts(w.error().message,
                   "t.jsonl: 3 of 5 lines are bad, more than --lenient skips; the first: t.jsonl:3: timestamp 20 is "
                   "before that of the request in front of it, 9000000000000; t.jsonl:4: "));
      CHECK_FALSE(w.error().hint.empty());
    }
  }

  TEST_CASE("lenient takes the block size of the many, even if the first line is the wrong one") {
    ReadNotes notes;
    const auto w = read_workload_text(line(0, 2000, "1, 2") + line(1, 33, "3, 4, 5") + line(2, 60, "3, 4, 6, 7"), "t",
                                      {std::nullopt, true}, notes);
    REQUIRE(w.has_value());
    CHECK(w->block_size() == Tokens(16));
    CHECK(w->size() == 2);
    CHECK(notes.bad_lines == 1);
  }

  TEST_CASE("lenient with nothing but bad lines names the first") {
    const auto w = read("x\ny\n", {std::nullopt, true});
    REQUIRE_FALSE(w);
    CHECK(w.error().message == "t.jsonl: there is no request in it");
    CHECK(w.error().hint.find("t.jsonl:1: the line") != std::string::npos);
  }

  TEST_CASE("a line beyond 64 MiB is an error, or skipped, in bounded memory") {
    const std::string text =
        line(0, 20, "1, 2") + "{\"x\": \"" + std::string(std::size_t{65} << 20, 'x') + "\"}\n" + line(1, 20, "1, 2");
    const auto strict = read(text, sized(16));
    REQUIRE_FALSE(strict);
    CHECK(strict.error().message == "t.jsonl:2: the line is longer than 64 MiB");
    ReadNotes notes;
    const auto w = read_workload_text(text, "t", sized(16, true), notes);
    REQUIRE(w.has_value());
    CHECK(w->size() == 2);
    CHECK(notes.bad_lines == 1);
  }

  TEST_CASE("lines longer than the window arrive whole") {
    std::string ids;
    for (int i = 0; i < 200000; ++i) ids += fmt::format("{}{}", i == 0 ? "" : ", ", i);
    const auto w = read(line(0, 200000, ids) + line(1, 200000, ids), sized(1));
    REQUIRE_MESSAGE(w.has_value(), (w ? "" : w.error().message));
    CHECK(w->unique_blocks() == 200000);
    CHECK(ideal_hits(*w).block_hits == 200000);
  }

  TEST_CASE("what was written is what is read") {
    rc::check([] {
      const auto lengths =
          *rc::gen::nonEmpty(rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(1, 5000)));
      std::string text;
      std::uint64_t next = *rc::gen::arbitrary<std::uint32_t>(), refs = 0;
      for (const auto length : lengths) {
        std::string ids;
        for (std::uint64_t b = 0; b < ceil_div(length, 16); ++b, ++refs)
          ids += fmt::format("{}{}", b ? "," : "", next++);
        text += line(static_cast<double>(refs), length, ids);
      }
      const auto w = read(text, sized(16));
      RC_ASSERT(w.has_value());
      RC_ASSERT(w->size() == lengths.size());
      RC_ASSERT(w->unique_blocks() == refs);
      for (std::size_t i = 0; i < lengths.size(); ++i) RC_ASSERT((*w)[i].input == Tokens(lengths[i]));
    });
  }
}
