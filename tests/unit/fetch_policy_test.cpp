#include "fetch/policy.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "base/random.hpp"
#include "prefill/modelled.hpp"

using namespace kv;
using namespace std::chrono_literals;

namespace {

FetchSample sample(std::uint64_t bytes, Duration took) { return {bytes, took}; }

/// Two ways: nothing, or `bytes` that leave `rest` of `all`.
std::vector<FetchCut> offer(std::uint64_t bytes, Duration all, Duration rest) {
  return {{0, 0, all}, {8, bytes, rest}};
}

/// Taught by four fetches of 1 ms + 1 ns a byte.
FetchDecider taught(const std::string& policy = "adaptive") {
  FetchDecider decider(*parse_fetch_policy(policy));
  for (std::uint64_t bytes = 1'000'000; bytes <= 4'000'000; bytes += 1'000'000) {
    decider.learn(sample(bytes, 1ms + std::chrono::nanoseconds(bytes)), 1s);
  }
  return decider;
}

}  // namespace

TEST_SUITE("fetch policy") {
  TEST_CASE("a line through samples: fixed part and time per byte") {
    const std::vector<FetchSample> exact{sample(1000, 1000us + 10us), sample(5000, 1000us + 50us),
                                         sample(9000, 1000us + 90us)};
    FetchLine line = *fit_fetches(exact);
    CHECK(line.fixed_s == doctest::Approx(1e-3));
    CHECK(line.s_per_byte == doctest::Approx(10e-9));
    CHECK(line.predict_s(100'000) == doctest::Approx(2e-3));
    CHECK_FALSE(fit_fetches({}).has_value());
    // One size: nothing tells the fixed part, and a prediction for that size is the median.
    line = *fit_fetches(std::vector<FetchSample>{sample(1000, 3us), sample(1000, 5us), sample(1000, 4us)});
    CHECK(line.fixed_s == 0);
    CHECK(line.predict_s(1000) == doctest::Approx(4e-6));
    line = *fit_fetches(std::vector<FetchSample>{sample(1000, 7us)});
    CHECK(line.predict_s(1000) == doctest::Approx(7e-6));
  }

  TEST_CASE("neither part of the line is negative: larger that came faster, or a line that would begin below 0") {
    FetchLine line = *fit_fetches(std::vector<FetchSample>{sample(1000, 9us), sample(2000, 5us), sample(3000, 1us)});
    CHECK(line.s_per_byte == 0);
    CHECK(line.fixed_s == doctest::Approx(5e-6));
    line = *fit_fetches(std::vector<FetchSample>{sample(1000, 1us), sample(2000, 11us), sample(3000, 21us)});
    CHECK(line.s_per_byte == doctest::Approx(10e-9));
    CHECK(line.fixed_s == 0);
  }

  TEST_CASE("a few wild samples do not move the line") {
    std::vector<FetchSample> samples;
    for (std::uint64_t i = 1; i <= 16; ++i) samples.push_back(sample(i * 1000, 1ms + i * 10us));
    for (const std::size_t wild : {2U, 7U, 12U, 15U}) samples[wild].took = 3s;  // a quarter
    const FetchLine line = *fit_fetches(samples);
    CHECK(line.s_per_byte == doctest::Approx(10e-9).epsilon(0.5));
    CHECK(line.predict_s(8000) == doctest::Approx(1.08e-3).epsilon(0.1));
  }

  TEST_CASE("policies by name; what is none is refused with the nearest") {
    CHECK(parse_fetch_policy("always")->mode == FetchMode::always);
    CHECK(parse_fetch_policy("never")->mode == FetchMode::never);
    CHECK(parse_fetch_policy("adaptive")->mode == FetchMode::adaptive);
    CHECK(parse_fetch_policy("hedged")->mode == FetchMode::hedged);
    CHECK(parse_fetch_policy("hedged")->budget_share == 1);
    CHECK_FALSE(parse_fetch_policy("hedged")->budget.has_value());
    CHECK(parse_fetch_policy("hedged:20ms")->budget == Duration(20ms));
    CHECK(parse_fetch_policy("hedged:0.5x")->budget_share == 0.5);
    CHECK(parse_fetch_policy("hedged:0.5x")->text == "hedged:0.5x");
    CHECK(parse_fetch_policy("adaptve").error().hint == "did you mean adaptive?");
    for (const char* bad : {"", "hedged:", "hedged:x", "hedged:-1x", "hedged:nanx", "hedged:20", "hedged:1e9x",
                            "always:1", "sometimes", "hedged:1xx"}) {
      CAPTURE(bad);
      REQUIRE_FALSE(parse_fetch_policy(bad).has_value());
      CHECK(parse_fetch_policy(bad).error().code == Code::bad_input);
      CHECK_FALSE(parse_fetch_policy(bad).error().hint.empty());
    }
    CHECK(parse_fetch_policy("adaptive")->decides_by_time());
    CHECK(parse_fetch_policy("hedged")->decides_by_time());
    CHECK_FALSE(parse_fetch_policy("always")->decides_by_time());
    CHECK_FALSE(parse_fetch_policy("never")->decides_by_time());
  }

  TEST_CASE("always and hedged fetch all, never nothing, whatever was learnt") {
    for (const char* name : {"always", "hedged", "never"}) {
      FetchDecider decider = taught(name);
      for (const Duration all : {Duration(1ns), Duration(10s)}) {
        const FetchChoice choice = decider.choose(offer(1'000'000, all, 0ns));
        CHECK(choice.cut == (std::string(name) == "never" ? 0 : 1));
        CHECK_FALSE(choice.explored);
      }
    }
  }

  TEST_CASE("adaptive fetches four hits to learn, then what is predicted to take less than computing it") {
    FetchDecider decider(*parse_fetch_policy("adaptive"));
    for (std::uint64_t i = 0; i < 4; ++i) {
      CHECK_FALSE((i > 0 && !decider.predict(1).has_value()));
      const FetchChoice choice = decider.choose(offer(1'000'000, 1ns, 0ns));
      CHECK(choice.cut == 1);
      CHECK(choice.explored);
      decider.learn(sample(1'000'000 * (i + 1), 1ms + (i + 1) * 1ms), 1ns);
    }
    CHECK(decider.predict(2'000'000) == Duration(3ms));
    CHECK(decider.predict(0) == Duration(0));
    // 2 ms for a million bytes against what it saves: all - rest.
    CHECK(decider.choose(offer(1'000'000, 10ms, 7999us)).cut == 1);
    CHECK(decider.choose(offer(1'000'000, 10ms, 8001us)).cut == 0);
    CHECK(decider.choose(offer(1'000'000, 10002us, 8001us)).cut == 1);
    CHECK(decider.choose(offer(1'002'000, 10002us, 8001us)).cut == 0);
    CHECK_FALSE(decider.choose(offer(1'000'000, 10ms, 1ms)).explored);
  }

  TEST_CASE("adaptive takes the best of several cuts") {
    FetchDecider decider = taught();
    // 1 ms + 1 ms a million bytes: 2 + 5, 3 + 1, 4 + 0.5 ms against 6
    const std::vector<FetchCut> cuts{{0, 0, 6ms}, {1, 1'000'000, 5ms}, {2, 2'000'000, 1ms}, {3, 3'000'000, 500us}};
    CHECK(decider.choose(cuts).cut == 2);
  }

  TEST_CASE("every 64th declined hit is fetched to learn; a lucky one makes it learn anew, another one does not") {
    for (const bool lucky : {false, true}) {
      CAPTURE(lucky);
      FetchDecider decider = taught();
      const auto hit = offer(1'000'000, 1ms, 0ns);  // 2 ms to fetch
      for (std::uint64_t i = 1; i < FetchDecider::kExploreEvery; ++i) REQUIRE(decider.choose(hit).cut == 0);
      const FetchChoice explored = decider.choose(hit);
      CHECK(explored.cut == 1);
      CHECK(explored.explored);
      decider.learn(sample(1'000'000, lucky ? 100us : 2ms), 1ms);
      const FetchChoice next = decider.choose(hit);
      CHECK(next.cut == (lucky ? 1 : 0));
      CHECK(next.explored == lucky);
      for (int i = 0; lucky && i < 3; ++i) decider.learn(sample(1'000'000, 100us), 1ms);
      const FetchChoice then = decider.choose(hit);
      CHECK(then.cut == (lucky ? 1 : 0));
      CHECK_FALSE(then.explored);
    }
  }

  TEST_CASE("a phase that turned slow is left after nine of the sixteen that are remembered") {
    FetchDecider decider = taught();
    const auto hit = offer(1'000'000, 10ms, 0ns);
    for (std::uint64_t i = 0; i < 16; ++i) decider.learn(sample(1'000'000 + i, 2ms), 10ms);
    std::uint64_t fetched = 0;
    while (decider.choose(hit).cut == 1) {
      decider.learn(sample(1'000'000 + fetched, 20ms), 10ms);
      REQUIRE(++fetched < 20);
    }
    CHECK(fetched <= 9);
  }

  TEST_CASE("all or nothing: no cut between is better where recomputation grows with depth, for any latency and rate") {
    Random random(7);
    for (int round = 0; round < 300; ++round) {
      const double a = random.uniform() * 1e-2, b = random.uniform() * 1e-3, c = random.uniform() * 1e-6;
      const double latency = random.uniform() * (round % 2) * 0.1, per_block = random.uniform() * 2e-2;
      const int blocks = 1 + static_cast<int>(random.uniform() * 200);
      const double input = blocks * 16 + 1 + random.uniform() * 1000;
      const auto left_s = [&](int cut) {
        const double cached = cut * 16.0, fresh = input - cached;
        return (cut > 0 ? latency + cut * per_block : 0) + a + b * fresh + c * fresh * (cached + fresh / 2);
      };
      double best = left_s(0);
      for (int cut = 1; cut <= blocks; ++cut) best = std::min(best, left_s(cut));
      CHECK(std::min(left_s(0), left_s(blocks)) <= best * (1 + 1e-12));
    }
  }

  TEST_CASE("the floor of reading all weights is an exception, and a small one: what a cut saves is below it") {
    const Model model = *find_model("llama-3.1-8b");
    const Gpu gpu = *find_gpu("h100");
    const auto prefill = *make_modelled_prefill({model, gpu, 1, 1, 0});
    const double floor_s = seconds(prefill->cost(Tokens(0), Tokens(1)));
    for (const double per_token_s : {1e-6, 1e-5, 2e-5, 4e-5, 1e-4}) {
      const auto left_s = [&](std::uint64_t cut) {
        return static_cast<double>(cut) * per_token_s + seconds(prefill->cost(Tokens(cut), Tokens(4096 - cut)));
      };
      double best = left_s(0);
      for (std::uint64_t cut = 16; cut < 4096; cut += 16) best = std::min(best, left_s(cut));
      CHECK(std::min(left_s(0), left_s(4080)) - best < floor_s);
    }
  }

  TEST_CASE("the budget of a hedge: fixed, or a share of what the fetch saves") {
    CHECK(hedge_budget(*parse_fetch_policy("hedged"), 10ms) == Duration(10ms));
    CHECK(hedge_budget(*parse_fetch_policy("hedged:0.5x"), 10ms) == Duration(5ms));
    CHECK(hedge_budget(*parse_fetch_policy("hedged:0.5x"), 20ms) == Duration(10ms));
    CHECK(hedge_budget(*parse_fetch_policy("hedged:3ms"), 20ms) == Duration(3ms));
    CHECK(hedge_budget(*parse_fetch_policy("hedged"), -1ms) == Duration(0));
  }

  TEST_CASE("a hedge takes what ends first: within the budget, late and still first, or too late") {
    HedgeOutcome h = hedge(10ms, 10ms, 2ms, 20ms);
    CHECK_FALSE(h.started);
    CHECK(h.waited + h.prefill == Duration(12ms));
    CHECK(h.wasted == Duration(0));
    h = hedge(10ms, 15ms, 2ms, 20ms);  // 17 against 30
    CHECK(h.started);
    CHECK_FALSE(h.recomputation_won);
    CHECK(h.waited == Duration(15ms));
    CHECK(h.prefill == Duration(2ms));
    CHECK(h.wasted == Duration(5ms));
    h = hedge(10ms, 29ms, 2ms, 20ms);  // 31 against 30
    CHECK(h.recomputation_won);
    CHECK(h.waited == Duration(10ms));
    CHECK(h.prefill == Duration(20ms));
    CHECK(h.wasted == Duration(0));
    h = hedge(10ms, 40ms, 0ns, 50ms);  // recomputed for 30 of 50 ms when it came
    CHECK(h.wasted == Duration(30ms));
    CHECK_FALSE(hedge(10ms, 29ms, 2ms, 21ms).recomputation_won);  // a tie goes to what is already there
  }

  TEST_CASE("by default no hedge takes more than twice the recomputation, however slow the fetch is") {
    for (const Duration fetch : {Duration(1ms), Duration(9ms), Duration(19ms), Duration(1h)}) {
      const HedgeOutcome h = hedge(hedge_budget(*parse_fetch_policy("hedged"), 18ms), fetch, 2ms, 20ms);
      CHECK(h.waited + h.prefill <= Duration(40ms));
    }
  }
}
