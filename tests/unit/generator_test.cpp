#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "base/random.hpp"
#include "profile/prompt.hpp"
#include "support/generated.hpp"
#include "support/source_dir.hpp"

TEST_SUITE("generator") {
  using namespace kv;
  using test::generate, test::generate_workload, test::Generated;

  std::string poisson(double rate, const std::string& first = "requests = 1000\n") {
    return first + fmt::format("[arrivals]\ntype = \"poisson\"\nrate_per_s = {}\n", rate);
  }
  const std::string kOneshot = "[[component]]\ntype = \"oneshot\"\ninput_tokens = 100\noutput_tokens = 10\n";
  // Prompts of 3, 4 and 5 full blocks of 512: 1024 tokens of system prompt, then 512 more each turn.
  const std::string kChat =
      "[[component]]\ntype = \"conversation\"\nsystem_tokens = 1024\nturns = 3\nfirst_message_tokens = 512\n"
      "message_tokens = 200\noutput_tokens = 312\nthink_s = 10\n";

  double block_hit_rate(const Workload& workload) {
    return static_cast<double>(ideal_hits(workload).block_hits) / static_cast<double>(summarize(workload).block_refs);
  }
  std::map<std::string, double> shares(const Generated& made, std::string test::GeneratedLine::*name) {
    std::map<std::string, double> out;
    for (const auto& line : made.lines) out[line.*name] += 1.0 / static_cast<double>(made.lines.size());
    return out;
  }

  TEST_CASE("a prompt's full blocks keep their ids, and its partial one has a new id each time") {
    IdCounter ids;
    Prompt prompt;
    std::vector<BlockId> sent;
    BlockId shared = Prompt::kUnnamed;
    prompt.add_shared(40, 16, shared, ids);  // 2 blocks and 8 tokens
    prompt.add_own(10, 16, ids);             // fills the third, 2 tokens beyond
    prompt.write_ids(16, ids, sent);
    CHECK(sent == std::vector<BlockId>{0, 1, 2, 3});
    prompt.add_own(30, 16, ids);  // 80 tokens: five full blocks
    prompt.write_ids(16, ids, sent);
    CHECK(sent == std::vector<BlockId>{0, 1, 2, 4, 5});
    Prompt other;
    other.add_shared(40, 16, shared, ids);
    other.write_ids(16, ids, sent);
    CHECK(sent == std::vector<BlockId>{0, 1, 6});
    CHECK(ids.taken() == 7);
    CHECK(other.runs() == 1);
    other.clear();
    CHECK(other.tokens() == 0);
    other.add_own(3, 16, ids);
    other.write_ids(16, ids, sent);
    CHECK(sent == std::vector<BlockId>{7});
  }

  TEST_CASE("a conversation sends its history again, waits for the answer and thinks") {
    const Generated made = generate(
        "requests = 3\noutput_tokens_per_s = 100\n[arrivals]\ntype = \"constant\"\n"
        "rate_per_s = 0.001\n" +
        kChat);
    REQUIRE(made.lines.size() == 3);
    const auto& [a, b, c] = std::tie(made.lines[0], made.lines[1], made.lines[2]);
    CHECK(a.at == std::chrono::seconds(1000));
    CHECK(b.at == std::chrono::milliseconds(1'013'120));  // 312 tokens at 100/s, then 10 s
    CHECK(c.at == std::chrono::milliseconds(1'026'240));
    CHECK_FALSE(a.delay);
    CHECK(b.delay == std::chrono::seconds(10));
    CHECK(a.input == 1536);
    CHECK(b.input == 2048);
    CHECK(c.input == 2560);
    CHECK(b.output == 312);
    CHECK(a.ids == std::vector<BlockId>{0, 1, 2});
    CHECK(b.ids == std::vector<BlockId>{0, 1, 2, 3});
    CHECK(c.ids == std::vector<BlockId>{0, 1, 2, 3, 4});
    CHECK(a.session == "1");
    CHECK(c.session == "1");
    CHECK(a.type == "conversation");
    CHECK(a.tenant.empty());
    CHECK(made.counts.sessions == 1);
    CHECK(made.counts.unique_blocks == 5);
    CHECK(made.counts.span == c.at);
  }

  TEST_CASE("ideal hits of conversations are those that their turns make") {
    // Of 3 + 4 + 5 blocks a session, 2 + 3 + 4 were there; the system prompt once was not, and some end unfinished.
    const Workload workload = generate_workload(poisson(1, "requests = 30000\n") + kChat, Tokens(512));
    CHECK(block_hit_rate(workload) == doctest::Approx(0.75).epsilon(0.003));
    const IdealHits hits = ideal_hits(workload);
    CHECK(workload.size() - hits.requests_with_hit == 1);
    // With two system prompts a second one is new too, and nothing else changes.
    const Workload two =
        generate_workload(poisson(1, "requests = 30000\n") + kChat + "system_prompts = 2\n", Tokens(512));
    CHECK(two.size() - ideal_hits(two).requests_with_hit == 2);
  }

  TEST_CASE("who abandons a conversation sends fewer requests") {
    // 1 + 0.6 + 0.36 turns.
    const Generated made = generate(poisson(1, "requests = 30000\n") + kChat + "abandon = 0.4\n");
    const double turns = 30000.0 / static_cast<double>(made.counts.sessions);
    CHECK(turns == doctest::Approx(1.96).epsilon(0.02));
  }

  TEST_CASE("a conversation ends before the prompt that would not fit, and a first prompt is cut") {
    const Generated made = generate("max_input_tokens = 2100\n" + poisson(1) + kChat);
    std::uint64_t longest = 0;
    for (const auto& line : made.lines) longest = std::max(longest, line.input);
    CHECK(longest == 2048);
    CHECK(1000.0 / static_cast<double>(made.counts.sessions) == doctest::Approx(2).epsilon(0.02));
    for (const auto& line : generate("max_input_tokens = 700\n" + poisson(1) + kChat).lines) CHECK(line.input == 700);
    for (const auto& line : generate("max_input_tokens = 2\nblock_size = 1\n" + poisson(1) + kOneshot).lines) {
      CHECK(line.input == 2);
    }
  }

  TEST_CASE("weights are shares of sessions, and tenants have theirs and their own texts") {
    const std::string tenants =
        "[[tenant]]\nname = \"red\"\nshare = 3\n[[tenant]]\nname = \"blue\"\n[[tenant]]\nname = \"green\"\nshare = 4\n";
    const std::string mixed = poisson(1, "requests = 40000\n") + tenants + kOneshot + "weight = 3\nname = \"x\"\n" +
                              kOneshot + "name = \"y\"\ntenants = [\"blue\"]\n";
    const Generated made = generate(mixed);
    const auto types = shares(made, &test::GeneratedLine::type), who = shares(made, &test::GeneratedLine::tenant);
    CHECK(types.at("x") == doctest::Approx(0.75).epsilon(0.02));
    CHECK(who.at("red") == doctest::Approx(0.75 * 3 / 8).epsilon(0.03));
    CHECK(who.at("green") == doctest::Approx(0.75 * 4 / 8).epsilon(0.03));
    CHECK(who.at("blue") == doctest::Approx(0.25 + 0.75 / 8).epsilon(0.03));

    const auto first_ids = [&](const std::string& extra) {
      std::set<BlockId> out;
      for (const auto& line : generate(poisson(1) + tenants + kChat + extra).lines) out.insert(line.ids[0]);
      return out.size();
    };
    CHECK(first_ids("") == 3);
    CHECK(first_ids("own_texts = false\n") == 1);
  }

  TEST_CASE("components keep to their own arrivals") {
    const Generated made =
        generate("duration_s = 10000\n[arrivals]\ntype = \"constant\"\nrate_per_s = 0.5\n" + kOneshot +
                 "name = \"a\"\n" + kOneshot + "name = \"b\"\narrivals = { type = \"constant\", rate_per_s = 2 }\n");
    std::map<std::string, int> count;
    for (const auto& line : made.lines) ++count[line.type];
    CHECK(count["a"] == 5000);
    CHECK(count["b"] == 20000);
    CHECK(made.counts.span == std::chrono::seconds(10000));
  }

  TEST_CASE("lengths have the quantiles of the profile") {
    Generated made = generate(poisson(1, "requests = 20001\n") +
                              "[[component]]\ntype = \"oneshot\"\noutput_tokens = 10\n"
                              "input_tokens = { type = \"lognormal\", median = 1000, sigma = 0.7 }\n");
    std::sort(made.lines.begin(), made.lines.end(), [](const auto& a, const auto& b) { return a.input < b.input; });
    CHECK(static_cast<double>(made.lines[10000].input) == doctest::Approx(1000).epsilon(0.03));
    CHECK(static_cast<double>(made.lines[18000].input) == doctest::Approx(1000 * std::exp(0.7 * 1.2816)).epsilon(0.03));
  }

  // All types, arrivals of both kinds, tenants and every distribution.
  const std::string kEverything =
      "block_size = 64\nmax_input_tokens = 20000\nrequests = 4000\n"
      "[arrivals]\ntype = \"gamma\"\nrate_per_s = 2\ncv = 2.5\n"
      "[[tenant]]\nname = \"red\"\nshare = 2\n[[tenant]]\nname = \"blue\"\n"
      "[[component]]\ntype = \"conversation\"\nsystem_prompts = 3\nsystem_tokens = { type = \"uniform\", min = 0, max "
      "= 500 }\n"
      "turns = { type = \"geometric\", mean = 4 }\nmessage_tokens = { type = \"lognormal\", mean = 90, sigma = 1.2 }\n"
      "output_tokens = { type = \"lognormal\", median = 80, sigma = 0.9 }\nthink_s = { type = \"exponential\", mean = "
      "9 }\n"
      "abandon = 0.1\n"
      "[[component]]\ntype = \"agent\"\nagents = 2\ntools_tokens = 1000\nsteps = 7\ntask_tokens = 40\n"
      "result_tokens = { type = \"quantiles\", points = [[0, 1], [0.5, 64], [1, 900]] }\noutput_tokens = 30\ntool_s = "
      "0.5\n"
      "[[component]]\ntype = \"rag\"\nweight = 2\ndocuments = 50\ndocument_tokens = { type = \"uniform\", min = 1, max "
      "= 300 }\n"
      "per_request = 2\nquestion_tokens = 20\noutput_tokens = 9\n"
      "[[component]]\ntype = \"oneshot\"\ninput_tokens = { type = \"exponential\", mean = 700 }\noutput_tokens = 5\n"
      "[[component]]\ntype = \"batch\"\ntasks = 5\nprefix_tokens = 333\nitems = 20\nitem_tokens = 31\noutput_tokens = "
      "2\n"
      "gap_s = 0.01\narrivals = { type = \"diurnal\", rate_per_s = 0.05, amplitude = 1, period_s = 600, cv = 0.5 }\n";

  TEST_CASE("one seed gives one text, whichever build") {
    const Generated made = generate(kEverything);
    CHECK(made.text == generate(kEverything).text);
    CHECK(made.text != generate(kEverything, {2, std::nullopt}).text);
    // Fewer requests are the first ones of more.
    const Generated fewer = generate(kEverything, {1, 100});
    CHECK(made.text.substr(0, fewer.text.size()) == fewer.text);
    // Computed once on x86-64 with g++ 12 -O3: debug, sanitized, clang and other builds must agree.
    std::uint64_t bits = 0;
    for (const char c : made.text) bits = mix64(bits, static_cast<unsigned char>(c));
    CHECK(bits == 6088169074855120816ULL);
  }

  TEST_CASE("what is generated is a trace: sorted, ids with one parent and one size, counted up") {
    rc::check([] {
      const auto seed = *rc::gen::arbitrary<std::uint64_t>();
      const auto block = *rc::gen::element(1, 7, 16, 512);
      const auto most = *rc::gen::inRange(2, 3000);
      std::string profile = kEverything;
      profile.replace(0, profile.find("requests"),
                      fmt::format("block_size = {}\nmax_input_tokens = {}\n", block, most));
      const Generated made = generate(profile, {seed, 300});
      ReadNotes notes;
      const auto workload = read_workload_text(made.text, "made", {Tokens(block), false}, notes);
      RC_ASSERT(workload.has_value());
      RC_ASSERT(workload->unique_blocks() == made.counts.unique_blocks);
      for (const auto& line : made.lines) {
        RC_ASSERT(line.input >= 1 && line.input <= static_cast<std::uint64_t>(most));
        for (const BlockId id : line.ids) RC_ASSERT(id < made.counts.unique_blocks);
      }
    });
  }

  std::string content(const std::string& path) {
    std::ifstream in(test::source_dir() + path);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  TEST_CASE("the examples hit as often as workloads/README.md says") {
    const std::string readme = content("/workloads/README.md");
    for (const char* name : {"chat", "agents", "rag", "batch"}) {
      CAPTURE(name);
      const double rate =
          block_hit_rate(generate_workload(content(fmt::format("/workloads/{}.toml", name)), Tokens(512)));
      const std::size_t row = readme.find(fmt::format("| `{}.toml` |", name));
      REQUIRE(row != std::string::npos);
      const std::string line = readme.substr(row, readme.find('\n', row) - row),
                        told = fmt::format("| {:.1f} % |", 100 * rate);
      CHECK_MESSAGE(line.find(told) != std::string::npos, told);
    }
  }

  TEST_CASE("a sink can stop, and its errors come through") {
    const auto generator = parse_profile(poisson(1) + kOneshot, "t");
    REQUIRE(generator);
    int taken = 0;
    const auto stopped = (*generator)->run({}, [&](const TraceLine&) -> Result<bool> { return ++taken < 7; });
    REQUIRE(stopped);
    CHECK(taken == 7);
    CHECK(stopped->requests == 7);
    const auto failed =
        (*generator)->run({}, [&](const TraceLine&) -> Result<bool> { return error(Code::io, "the disk is full"); });
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message == "the disk is full");
  }

  TEST_CASE("what memory or time cannot hold is an error, not a crash") {
    const auto fails = [](const std::string& profile, const std::string& message) {
      const auto generator = parse_profile(profile, "t");
      REQUIRE(generator);
      const auto counts = (*generator)->run({}, [](const TraceLine&) -> Result<bool> { return true; });
      REQUIRE_FALSE(counts);
      CHECK(counts.error().code == Code::bad_input);
      CHECK_MESSAGE(counts.error().message.find(message) != std::string::npos, counts.error().message);
      CHECK_FALSE(counts.error().hint.empty());
    };
    fails(poisson(1e6, "requests = 100000000\n") +
              "[[component]]\ntype = \"conversation\"\nturns = 2\nmessage_tokens = 1\noutput_tokens = 1\nthink_s = "
              "86400\n",
          "400000 sessions wait");
    fails(poisson(1e-6, "requests = 100000000\n") + kOneshot, "more than 100 years");
  }
}
