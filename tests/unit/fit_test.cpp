#include "profile/fit.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>

#include "base/random.hpp"
#include "profile/fit_parts.hpp"
#include "profile/fitted_generator.hpp"
#include "profile/fitted_text.hpp"
#include "profile/resemblance.hpp"
#include "support/fitting.hpp"
#include "support/generated.hpp"
#include "support/source_dir.hpp"
#include "support/traces.hpp"
#include "workload/read.hpp"

namespace {

using namespace kv;
using test::fit;
using test::Trace;

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
