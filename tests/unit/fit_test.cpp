#include "profile/fit.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <cmath>
#include <set>

#include "base/random.hpp"
#include "profile/fit_parts.hpp"
#include "profile/fitted_generator.hpp"
#include "profile/fitted_text.hpp"
#include "profile/resemblance.hpp"
#include "support/generated.hpp"
#include "support/random_workload.hpp"
#include "support/source_dir.hpp"
#include "support/traces.hpp"
#include "workload/read.hpp"

namespace {

using namespace kv;

FittedProfile fit(const Workload& workload) {
  auto profile = fit_profile(workload);
  if (!profile) FAIL(profile.error().message);
  return std::move(*profile);
}

FittedProfile read_again(const std::string& text) {
  const auto root = parse_toml(text, "p.toml");
  if (!root) FAIL(root.error().message);
  auto profile = read_fitted(*root);
  if (!profile) FAIL(profile.error().message);
  return std::move(*profile);
}

/// Fits, and holds what is generated with seeds 1, 2 and 3 to the tolerances.
void check_resembles(const Workload& trace) {
  const std::string text = format_fitted(fit(trace));
  CHECK(text.size() <= kMaxFittedBytes);
  const auto generator = parse_profile(text, "p.toml");
  REQUIRE(generator);
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto made = kv::generate_workload(**generator, {seed, std::nullopt});
    REQUIRE(made);
    CHECK(made->size() == trace.size());
    for (const LikenessFigure& f : compare_workloads(trace, *made).figures) {
      CHECK_MESSAGE(f.holds, "seed " << seed << ": " << f.name << " " << f.got << ", not " << f.target);
    }
  }
}

/// What one of workloads/*.toml makes.
Workload sample(const std::string& name, std::uint64_t requests) {
  const auto generator = load_profile(test::source_dir() + "/workloads/" + name);
  REQUIRE(generator);
  auto workload = kv::generate_workload(**generator, {11, requests});
  REQUIRE(workload);
  return std::move(*workload);
}

/// Requests at times and of prompts that a test gives.
class Trace {
 public:
  explicit Trace(std::uint64_t block_size) : block_size_(block_size), builder_(Tokens(block_size)) {}
  /// `shared` and then fresh blocks, as many as `input` needs.
  std::vector<BlockId> add(std::uint64_t at_ms, std::uint64_t input, std::uint64_t output,
                           std::vector<BlockId> shared = {}) {
    while (shared.size() < ceil_div(input, block_size_)) shared.push_back(1'000'003 * ++ids_);
    REQUIRE(builder_.add(std::chrono::milliseconds(at_ms), Tokens(input), Tokens(output), shared));
    return shared;
  }
  Workload done() { return std::move(builder_).build(Tokens(block_size_)); }

 private:
  std::uint64_t block_size_, ids_ = 0;
  WorkloadBuilder builder_;
};

const char* const kSmall =
    "[fitted]\nblock_size = 16\nrequests = 3\ntick_ms = 10\nlast_ms = 500\ninput_step = 1\nminutes = [1,-2,2]\n"
    "input_tokens = [[0,20],[2,60]]\noutput_tokens = [[0,5],[2,5]]\ncapacities = [2,3]\nreuse = [[9,2,1]]\n"
    "strata = [[1,0,0,9999,0,0,0,0,0,0,9999,0,9999],[2,1,0,9999,1,2,1,3,1,0,9999,0,9999]]\n";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_SUITE("fit") {
  TEST_CASE("chat, agents, batches and documents are resembled by every seed") {
    for (const char* name : {"chat.toml", "agents.toml", "batch.toml", "rag.toml"}) {
      CAPTURE(name);
      check_resembles(sample(name, 4000));
    }
  }

  TEST_CASE("the conversation trace is resembled by every seed") {
    const auto path = test::trace_path("conversation_trace.jsonl");
    if (!path) return;
    ReadNotes notes;
    const auto trace = read_workload(*path, {}, notes);
    REQUIRE(trace);
    check_resembles(*trace);
  }

  TEST_CASE("prompts that come again whole, their last short block included, do so in the copy") {
    Trace trace(512);
    Random random(5);
    std::vector<std::pair<std::uint64_t, std::vector<BlockId>>> prompts;
    for (std::uint64_t i = 0; i < 3000; ++i) {
      if (prompts.size() < 2 || random.below(5) == 0) {
        const std::uint64_t input = 30 + random.below(1500);
        prompts.emplace_back(input, trace.add(i * 100, input, 1 + random.below(90)));
      } else {
        const auto& [input, ids] = prompts[random.below(random.below(prompts.size()) + 1)];
        trace.add(i * 100, input, 1 + random.below(90), ids);
      }
    }
    check_resembles(trace.done());
  }

  TEST_CASE("a retry soon after, as whole prompts of any length, does so in the copy") {
    Trace trace(512);
    Random random(6);
    std::vector<std::pair<std::uint64_t, std::vector<BlockId>>> prompts;
    for (std::uint64_t i = 0; i < 3000; ++i) {
      if (i == 0 || random.below(10) >= 3) {
        const std::uint64_t input = std::uint64_t{1} << (5 + random.below(10));
        const std::uint64_t tokens = input + random.below(input);
        prompts.emplace_back(tokens, trace.add(i * 200, tokens, 1 + random.below(90)));
      } else {
        const auto [tokens, ids] =
            prompts[prompts.size() - 1 - random.below(std::min<std::uint64_t>(prompts.size(), 6))];
        trace.add(i * 200, tokens, 1 + random.below(90), ids);
      }
    }
    check_resembles(trace.done());
  }

  TEST_CASE("a few long prompts among many short ones carry the hits, and lose none") {
    Trace trace(512);
    Random random(7);
    std::vector<std::vector<BlockId>> books;
    for (std::uint64_t i = 0; i < 20; ++i) books.emplace_back();
    for (std::uint64_t i = 0; i < 2500; ++i) {
      if (random.below(5) != 0) {
        trace.add(i * 500, 5 + random.below(55), 2);
      } else {
        std::vector<BlockId>& book = books[random.below(books.size())];
        const std::vector<BlockId> ids = trace.add(i * 500, 200 * 512 + 1 + random.below(3000), 900, book);
        if (book.empty()) book.assign(ids.begin(), ids.begin() + 200);
      }
    }
    check_resembles(trace.done());
  }

  TEST_CASE("a hundred requests of chats, agents and documents are resembled too") {
    for (const char* name : {"chat.toml", "agents.toml", "rag.toml"}) {
      CAPTURE(name);
      check_resembles(sample(name, 100));
    }
  }

  TEST_CASE("traces at their edges are resembled: no sharing, one moment, one prompt, one request") {
    Trace alone(16), together(16), same(16), one(16);
    for (std::uint64_t i = 0; i < 300; ++i) alone.add(i * i * 10, 20 + i * 7 % 311, i % 9);
    for (std::uint64_t i = 0; i < 300; ++i) together.add(7, 20 + i * 7 % 311, 3);
    const auto prompt = same.add(0, 100, 0);
    for (std::uint64_t i = 1; i < 300; ++i) same.add(i * 1000, 100, 0, prompt);
    one.add(123'456, 1, 0);
    for (Trace* trace : {&alone, &together, &same, &one}) check_resembles(trace->done());
  }

  TEST_CASE("times are counted from the first request, and keep the step that the trace keeps") {
    Trace trace(16);
    for (std::uint64_t i = 0; i < 200; ++i) trace.add(1'700'000'000'123 + i * 3000, 40, 5);
    const FittedProfile profile = fit(trace.done());
    CHECK(profile.tick_ms == 3000);
    CHECK(profile.minutes == std::vector<std::uint32_t>(10, 20));
    CHECK(profile.last_ms == 57'000);
    const test::Generated made = test::generate(format_fitted(profile));
    CHECK(made.lines.front().at == Duration(0));
    CHECK(made.lines.back().at == std::chrono::seconds(199 * 3));
    for (const auto& line : made.lines) CHECK(line.at % std::chrono::seconds(3) == Duration(0));
  }

  TEST_CASE("a line of knots passes every length within a thousandth, and meets the first and the last") {
    rc::check([](std::uint64_t seed) {
      Random random(seed);
      std::vector<std::uint32_t> lengths(1 + random.below(300));
      for (auto& length : lengths) length = static_cast<std::uint32_t>(1 + random.below(1U << (1 + random.below(20))));
      const auto knots = fit_knots(lengths, 1000);
      std::sort(lengths.begin(), lengths.end());
      RC_ASSERT(knots.front() == (Knot{0, lengths.front()}));
      RC_ASSERT(knots.back() == (Knot{static_cast<std::uint32_t>(lengths.size() - 1), lengths.back()}));
      for (std::size_t k = 0; k + 1 < knots.size(); ++k) {
        for (std::uint32_t i = knots[k].rank; i <= knots[k + 1].rank; ++i) {
          const double share = static_cast<double>(i - knots[k].rank) / (knots[k + 1].rank - knots[k].rank);
          const double line = knots[k].tokens + share * (static_cast<double>(knots[k + 1].tokens) - knots[k].tokens);
          RC_ASSERT(std::abs(line - lengths[i]) <= 0.0011 * lengths[i] + 1e-6);
        }
      }
      RC_ASSERT(fit_knots(lengths, 8).size() <= 8);
    });
  }

  TEST_CASE("parts of the reuse table hold every hit once, below the size that serves it") {
    // Three requests of blocks 1-2, 1-3 and 1-2: at the second 1 and 2 stand at 1 and 2, at the third too.
    Trace trace(16);
    const auto first = trace.add(0, 32, 1);
    trace.add(1, 48, 1, first);
    trace.add(2, 32, 1, first);
    const ReuseTable reuse = fit_reuse(measure_reuse(trace.done()), 48, 3);
    CHECK(reuse.capacities == std::vector<std::uint32_t>{1, 2});
    REQUIRE(reuse.parts.size() == 3);
    CHECK(reuse.parts[0] == (ReuseTable::Part{2, {0, 0}}));
    CHECK(reuse.parts[1] == (ReuseTable::Part{3, {1, 1}}));
    CHECK(reuse.parts[2] == (ReuseTable::Part{2, {1, 1}}));
  }

  TEST_CASE("a profile names no block, and groups no fewer requests than asked") {
    Trace trace(16);
    Random random(3);
    std::vector<BlockId> prompt = trace.add(0, 320, 1);
    for (std::uint64_t i = 1; i < 500; ++i) {
      prompt.resize(random.below(std::min<std::uint64_t>(prompt.size(), 40)));  // without its last, partly filled block
      prompt = trace.add(i * 777, prompt.size() * 16 + 20 + random.below(200), random.below(50), prompt);
    }
    const FittedProfile profile = fit(trace.done());
    std::size_t small = 0;
    for (const Stratum& stratum : profile.strata) small += stratum.requests < 3;
    CHECK(small <= 3);  // one a kind, where a kind has no more
    CHECK(format_fitted(profile).find("1000003") == std::string::npos);
  }
}

TEST_SUITE("fitted profile") {
  TEST_CASE("what is written is read again") {
    rc::check([](std::uint64_t seed) {
      const FittedProfile profile = fit(test::random_workload(seed));
      RC_ASSERT(read_again(format_fitted(profile)) == profile);
    });
  }

  TEST_CASE("any profile makes a workload that every reader takes, and as many requests as asked") {
    rc::check([](std::uint64_t seed) {
      const std::string text = format_fitted(fit(test::random_workload(seed)));
      for (const std::uint64_t requests : {1, 7, 60, 150}) {
        const Workload made = test::generate_workload(text, Tokens(16), {seed, requests});
        RC_ASSERT(made.size() == requests);
      }
    });
  }

  TEST_CASE("a round that begins again has nothing in common with the one before") {
    const test::Generated made = test::generate(kSmall, {1, 6});
    REQUIRE(made.lines.size() == 6);
    CHECK(made.lines[3].at == std::chrono::minutes(4));
    std::set<BlockId> first, second;
    for (std::size_t i = 0; i < 6; ++i)
      (i < 3 ? first : second).insert(made.lines[i].ids.begin(), made.lines[i].ids.end());
    CHECK(*second.begin() > *first.rbegin());
    CHECK(made.counts.unique_blocks == first.size() + second.size());
  }

  TEST_CASE("the same seed gives the same bytes, here and elsewhere") {
    const std::string a = test::generate(kSmall, {1, {}}).text;
    CHECK(a == test::generate(kSmall, {1, {}}).text);
    CHECK(a != test::generate(kSmall, {2, {}}).text);
    std::uint64_t hash = 0;
    for (const char c : test::generate(kSmall, {5, 3000}).text) hash = mix64(hash, static_cast<std::uint64_t>(c));
    CHECK(hash == 15517477222256196061U);  // on x86-64 with g++ 12
  }

  TEST_CASE("a profile that contradicts itself is refused at its place") {
    const auto refused = [](const std::string& from, const std::string& to) {
      const auto generator = parse_profile(replaced(kSmall, from, to), "p.toml");
      return generator ? std::string("taken") : generator.error().message;
    };
    REQUIRE(parse_profile(kSmall, "p.toml"));
    CHECK(refused("minutes = [1,-2,2]", "minutes = [1,-2,1]") == "p.toml:1: fitted: minutes have 2 requests, not 3");
    CHECK(refused("[[1,0,", "[[2,0,") == "p.toml:1: fitted: strata have 4 requests, not 3");
    CHECK(refused("[2,60]", "[1,60]") == "p.toml:1: fitted: the last length is not that of the last request");
    CHECK(refused("[2,60]", "[2,19]").find("ranks rise from 0 on, and lengths do not fall") != std::string::npos);
    CHECK(refused("[2,60]", "[2,99999999]").find("has more than") != std::string::npos);
    CHECK(refused("[2,60]", "[2]").find("has 1 entries, not 2") != std::string::npos);
    CHECK(refused("-2,2", "-9999999999,2").find("more minutes than ten years have") != std::string::npos);
    CHECK(refused("[9,2,1]", "[2,2,1]").find("3 hits of 2 block references") != std::string::npos);
    CHECK(refused("[9,2,1]", "[9,2]") == "p.toml:1: fitted: reuse has not one figure for each of the capacities");
    CHECK(refused("0,9999,1,2,", "0,9999,2,1,").find("a range from 2 to 1") != std::string::npos);
    CHECK(refused("[[1,0,", "[[\xC8\xA2,0,").find("p.toml:12: not TOML: a character that is not ASCII") == 0);
    CHECK(refused("tick_ms", "tick").find("tick") != std::string::npos);
    CHECK(refused("requests = 3", "requests = 99999999").find("p.toml:3: fitted.requests") == 0);
    CHECK(refused("[fitted]", "[other]\nx = 1\n[fitted]").find("other") != std::string::npos);
    CHECK(refused("capacities = [2,3]", "capacities = [3,2]").find("sizes rise") != std::string::npos);
  }

  TEST_CASE("requests beyond a hundred years are refused, not wrapped") {
    const auto generator = parse_profile(kSmall, "p.toml");
    REQUIRE(generator);
    const auto made = (*generator)->run({1, 1'000'000'000}, [](const TraceLine&) -> Result<bool> { return true; });
    REQUIRE_FALSE(made);
    CHECK(made.error().message == "1000000000 requests would take more than a hundred years");
  }
}

TEST_SUITE("resemblance") {
  TEST_CASE("figures that are off are told, by how much") {
    Trace trace(16), other(16);
    const auto shared = trace.add(0, 64, 10);
    for (std::uint64_t i = 1; i < 100; ++i) trace.add(i * 1000, 80, 10, shared);
    for (std::uint64_t i = 0; i < 100; ++i) other.add(i * 1000, 84, 11);
    const Workload a = trace.done(), b = other.done();
    CHECK(compare_workloads(a, a).holds());
    CHECK(compare_workloads(a, a).worst() == 0);
    const Likeness likeness = compare_workloads(a, b);
    const auto find = [&](const std::string& name) {
      for (const LikenessFigure& f : likeness.figures) {
        if (f.name == name) return f;
      }
      FAIL(name);
      return LikenessFigure{};
    };
    CHECK(find("input_tokens.p50").holds);  // 84 for 80: 5 %
    CHECK(find("output_tokens.p50").error == doctest::Approx(0.1));
    CHECK_FALSE(find("output_tokens.p50").holds);
    CHECK(find("requests_per_minute.worst").holds);
    // 99 requests of 5 blocks hit 4 of them; 499 references.
    CHECK(find("ideal.block_hit_rate").target == doctest::Approx(396.0 / 499));
    CHECK(find("ideal.block_hit_rate").got == 0);
    CHECK(find("lru.worst_block_hit_rate").error == doctest::Approx(-396.0 / 499));
    CHECK_FALSE(likeness.holds());
  }
}
