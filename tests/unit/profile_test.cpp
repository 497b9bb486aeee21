#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/toml_value.hpp"
#include "profile/generator.hpp"
#include "profile/reference.hpp"
#include "support/source_dir.hpp"

TEST_SUITE("profile") {
  using namespace kv;

  const std::string kArrivals = "requests = 10\n[arrivals]\ntype = \"poisson\"\nrate_per_s = 1\n";
  const std::string kOneshot = "[[component]]\ntype = \"oneshot\"\ninput_tokens = 100\noutput_tokens = 10\n";

  static Error failure(const std::string& text) {
    const auto parsed = parse_profile(text, "p.toml");
    if (parsed) FAIL("accepted: " << text.substr(0, 300));
    CHECK(parsed.error().code == Code::bad_input);
    return parsed.error();
  }
  static void fails(const std::string& text, const std::string& message, const std::string& hint = "") {
    const std::string shown = text.substr(0, 300);
    CAPTURE(shown);
    const Error error = failure(text);
    CHECK_MESSAGE(error.message.find(message) != std::string::npos, error.message);
    CHECK_MESSAGE(error.hint.find(hint) != std::string::npos, error.hint);
  }

  TEST_CASE("a value knows its line and its place") {
    const auto root = parse_toml("a = 1\n[b]\nc = [1.5,\n  \"x\"]\n[[d]]\ne = true\n[[d]]\ne = {f = 2}\n", "v.toml");
    REQUIRE(root);
    const TomlValue* c = root->find("b")->find("c");
    const auto& items = std::get<TomlValue::Array>(c->data);
    CHECK(std::get<double>(items[0].data) == 1.5);
    CHECK(items[1].path == "b.c[2]");
    CHECK(items[1].line == 4);
    const auto& d = std::get<TomlValue::Array>(root->find("d")->data);
    CHECK(std::get<bool>(d[0].find("e")->data));
    CHECK(d[1].find("e")->find("f")->path == "d[2].e.f");
    CHECK(d[1].find("e")->find("f")->wrong("is bad").value().message == "v.toml:8: d[2].e.f: is bad");
    CHECK(root->find("nothing") == nullptr);
    CHECK(items[0].find("a") == nullptr);
  }

  TEST_CASE("what is no TOML, or too much of it, is refused with its line") {
    fails("a = 1\nb = = 2\n", "p.toml:2: not TOML");
    fails("a = 1\na = 2\n", "p.toml:2");
    fails("[.a]\n", "p.toml:1: not TOML");
    fails("[[.a]]\n", "p.toml:1: not TOML");
    fails("a = \"\xff\"\n", "p.toml:1");
    fails("when = 2020-01-01\n", "p.toml:1: when: is a date or time");
    fails("a = 1\n" + std::string(2 << 20, '#'), "more than 1.0 MiB");
    std::string deep = "x = 1\n[a";
    for (int i = 0; i < 100'000; ++i) deep += ".a";
    fails(deep + "]\n", "p.toml:2: a key of more than 16 parts");
    std::string quoted = "\"a\"";
    for (int i = 0; i < 1000; ++i) quoted += " . \"=\"";
    fails(quoted + " = 1\n", "p.toml:1: a key of more than 16 parts");
    fails("a = " + std::string(100'000, '['), "p.toml:1: not TOML");
    fails("# \xc3\x93\na = 'b'\n\xc3\x93 = 1\n", "p.toml:3: other than ASCII");
    fails("a = \"\"\"\n\\\xc3\x93\"\"\"\n", "p.toml:2: other than ASCII");
    fails("a = {b\xc3\xe1 = 1}\n", "p.toml:1: other than ASCII");
    // Dots in strings and comments are no keys, and numbers are short ones.
    const std::string dots(50, '.');
    fails("# " + dots + "\na = \"" + dots + "\"\nb = '''\n" + dots + "'''\nc = [0.1, 0.2, 0.3]\n", "not a profile");
  }

  TEST_CASE("a profile must say what it is") {
    fails("", "p.toml: not a profile: it has none of the tables component", "workloads/chat.toml");
    fails("requests = 3\n", "none of the tables component");
  }

  TEST_CASE("unknown keys and names suggest the nearest") {
    fails("request = 1\n" + kOneshot, "p.toml:1: request: there is no such key", "did you mean 'requests'?");
    fails(kArrivals + "rate = 3\n" + kOneshot, "p.toml:5: arrivals.rate: there is no such key");
    fails(kArrivals + kOneshot + "weigth = 2\n", "p.toml:9: component[1].weigth: there is no such key",
          "did you mean 'weight'?");
    fails(kArrivals + "[[component]]\ntype = \"conversatoin\"\n",
          "p.toml:6: component[1].type: there is no 'conversatoin'", "did you mean 'conversation'?");
    fails("requests = 1\n[arrivals]\ntype = \"poison\"\n" + kOneshot, "p.toml:3: arrivals.type: there is no 'poison'",
          "did you mean 'poisson'?");
    fails(kArrivals + "[[component]]\ntype = \"oneshot\"\ninput_tokens = { type = \"log\", sigma = 1 }\n",
          "p.toml:7: component[1].input_tokens.type: there is no 'log'", "lognormal");
    fails(kArrivals + "[[tenant]]\nname = \"red\"\n" + kOneshot + "tenants = [\"rad\"]\n", "there is no tenant 'rad'",
          "did you mean 'red'?");
  }

  TEST_CASE("what is missing is named") {
    fails(kArrivals + "[[component]]\ntype = \"oneshot\"\noutput_tokens = 1\n",
          "p.toml:5: component[1]: the key input_tokens is missing", "a prompt");
    fails(kArrivals + "[[component]]\nweight = 2\n", "component[1]: the key type is missing");
    fails("requests = 1\n" + kOneshot, "the table [arrivals] is missing");
    fails("requests = 1\n[arrivals]\nrate_per_s = 1\n" + kOneshot, "arrivals: the key type is missing");
    fails("[arrivals]\ntype = \"poisson\"\nrate_per_s = 1\n" + kOneshot, "says neither requests nor duration_s");
    fails(kArrivals + "[[tenant]]\nshare = 1\n" + kOneshot, "tenant[1]: the key name is missing");
    fails("component = []\n", "component: has 0 entries");
    fails("component = 3\n", "component: must be an array, but is 3");
    fails("component = [1]\n", "component[1]: ");
  }

  TEST_CASE("numbers out of range are refused, NaN among them") {
    for (const char* rate : {"0", "-1", "nan", "inf", "1e7", "\"2\"", "true", "[1]"}) {
      fails(fmt::format("requests = 1\n[arrivals]\ntype = \"poisson\"\nrate_per_s = {}\n", rate) + kOneshot,
            "p.toml:4: arrivals.rate_per_s: must be a number from 1e-06 to 1000000, but is ");
    }
    for (const char* size : {"0", "-5", "65537", "1.5", "9223372036854775807"}) {
      fails(fmt::format("block_size = {}\n", size) + kArrivals + kOneshot, "p.toml:1: block_size: must be a whole");
    }
    fails("requests = 0\n" + kOneshot, "requests: must be a whole number from 1");
    fails("block_size = 1\nmax_input_tokens = 16777216\n" + kArrivals + kOneshot, "more than 262144 blocks of 1");
    fails(kArrivals + kOneshot + "weight = 0\n", "component[1].weight: must be a number");
    fails(kArrivals + kOneshot + "name = \"" + std::string(61, 'x') + "\"\n", "component[1].name: must be a text");
    fails(kArrivals + kOneshot + "name = \"a\\nb\"\n", "component[1].name: must be a text");
  }

  TEST_CASE("distributions that say too little, too much or nonsense are refused") {
    const auto with = [](const std::string& tokens) {
      return kArrivals + "[[component]]\ntype = \"oneshot\"\noutput_tokens = 1\ninput_tokens = " + tokens + "\n";
    };
    fails(with("0"), "component[1].input_tokens: must be a number from 1 to", "or a table");
    fails(with("\"many\""), "but is 'many'");
    fails(with("{ median = 3 }"), "the key type is missing");
    fails(with("{ type = \"lognormal\", sigma = 1 }"), "needs either median or mean");
    fails(with("{ type = \"lognormal\", sigma = 1, mean = 3, median = 4 }"), "needs either median or mean");
    fails(with("{ type = \"lognormal\", median = 3 }"), "the key sigma is missing");
    fails(with("{ type = \"uniform\", min = 9, max = 3 }"), "must be in order");
    fails(with("{ type = \"uniform\", min = 0, max = 3 }"), "from 1 to");
    fails(with("{ type = \"geometric\", mean = 0.5 }"), "at least 1");
    fails(with("{ type = \"constant\", mean = 3 }"), "input_tokens.mean: there is no such key");
    for (const char* points : {"[]", "[[0, 1]]", "[[0.1, 1], [1, 2]]", "[[0, 1], [0.9, 2]]", "[[0, 5], [1, 2]]",
                               "[[0, 1], [0, 2], [1, 3]]", "[[0, 1, 2], [1, 3]]", "[0, 1]", "[[0, 1], [2, 3]]"}) {
      fails(with(fmt::format("{{ type = \"quantiles\", points = {} }}", points)), "input_tokens.points");
    }
  }

  TEST_CASE("contradictions between keys are told") {
    fails(kArrivals + kOneshot + "weight = 2\narrivals = { type = \"poisson\", rate_per_s = 1 }\n",
          "has both arrivals of its own and a weight");
    fails(kArrivals + kOneshot + "arrivals = { type = \"poisson\", rate_per_s = 1 }\n",
          "every component has arrivals of its own");
    fails(kArrivals + "[[tenant]]\nname = \"a\"\n[[tenant]]\nname = \"a\"\n" + kOneshot, "two tenants 'a'");
    fails("requests = 1\n[arrivals]\ntype = \"stepped\"\nsteps = [{ for_s = 5, rate_per_s = 0 }]\n" + kOneshot,
          "no step has a rate");
  }

  TEST_CASE("shared texts are bounded, in all orders and for all tenants together") {
    const auto rag = [](int documents, int per_request, int choices) {
      return fmt::format(
          "[[component]]\ntype = \"rag\"\ndocument_tokens = 9\nquestion_tokens = 9\noutput_tokens = 9\n"
          "documents = {}\nper_request = {}\nchoices = {}\n",
          documents, per_request, choices);
    };
    CHECK(parse_profile(kArrivals + rag(1'000'000, 1, 4), "p.toml"));
    CHECK(parse_profile(kArrivals + rag(10'000, 3, 10), "p.toml"));
    fails(kArrivals + rag(10'000, 4, 10), "more than 2000000 places");
    fails(kArrivals + rag(1000, 16, 1000), "more than 2000000 places");
    fails(kArrivals + rag(1'500'000, 1, 4) + rag(1'500'000, 1, 4), "3000002 shared texts together");
    const std::string two = "[[tenant]]\nname = \"a\"\n[[tenant]]\nname = \"b\"\n";
    fails(kArrivals + two + rag(1'500'000, 1, 4), "shared texts together", "own_texts = false");
    CHECK(parse_profile(kArrivals + two + rag(1'500'000, 1, 4) + "own_texts = false\n", "p.toml"));
  }

  TEST_CASE("every example is a profile, and the reference knows every key that they use") {
    for (const char* name : {"chat", "agents", "rag", "batch"}) {
      const auto read = load_profile(test::source_dir() + "/workloads/" + name + ".toml");
      if (!read) FAIL(read.error().message);
      CHECK((*read)->block_size() == Tokens(512));
    }
    const auto missing = load_profile("/nonexistent.toml");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().message.find("/nonexistent.toml") != std::string::npos);
    const auto reference = profile_reference();
    CHECK(reference.size() == 3 + 5 + 5 + 6 + 1);  // profile, tenant, component; their types; arrivals; ...; [fitted]
    for (const ReferenceTable& table : reference) {
      CHECK_FALSE(table.rows.empty());
      for (const auto& row : table.rows) CHECK_FALSE(row.summary.empty());
    }
  }
}
