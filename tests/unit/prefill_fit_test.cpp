#include <doctest/doctest.h>

#include <cmath>

#include "base/random.hpp"
#include "prefill/least_squares.hpp"
#include "prefill/profile_prefill.hpp"

using namespace kv;

namespace {

/// An engine made of three figures, whose times this file computes by its own formula.
struct Engine {
  double fixed_s = 2e-3, token_s = 40e-6, pair_s = 4e-9, cached_s = 0;
  double at(double cached, double fresh) const {
    return fixed_s + token_s * fresh + pair_s * fresh * (cached + fresh / 2) + cached_s * cached;
  }
};

constexpr std::uint64_t kLengths[] = {64, 256, 1024, 4096, 16384, 32768};

/// `noise`: each time is off by up to that share, drawn anew.
PrefillProfile profile_of(const Engine& engine, double noise = 0, std::uint64_t repeats = 1, bool cached = true) {
  Random random(7);
  PrefillProfile out;
  for (const std::uint64_t prompt : kLengths) {
    for (const double share : {0.0, 0.5, 0.9}) {
      if (share > 0 && !cached) continue;
      const auto have = static_cast<std::uint64_t>(share * static_cast<double>(prompt));
      for (std::uint64_t r = 0; r < repeats; ++r) {
        const double off = 1 + noise * (2 * random.uniform() - 1);
        const double s = engine.at(static_cast<double>(have), static_cast<double>(prompt - have)) * off;
        out.points.push_back({Tokens(prompt), Tokens(have), from_seconds(s)});
      }
    }
  }
  return out;
}

Model llama() { return *find_model("llama-3.1-8b"); }

PrefillFit fitted(const PrefillProfile& profile, const Model& model = llama()) {
  auto fit = fit_profile(profile, model, "mine");
  REQUIRE_MESSAGE(fit.has_value(), fit.error().message);
  return *fit;
}

std::string refused(const PrefillProfile& profile) {
  const auto fit = fit_profile(profile, llama(), "mine");
  REQUIRE_FALSE(fit.has_value());
  CHECK(fit.error().code == Code::bad_input);
  CHECK_FALSE(fit.error().hint.empty());
  return fit.error().message;
}

PrefillProfile points(std::initializer_list<std::array<double, 3>> rows) {
  PrefillProfile out;
  for (const auto& row : rows) {
    out.points.push_back(
        {Tokens(static_cast<std::uint64_t>(row[0])), Tokens(static_cast<std::uint64_t>(row[1])), from_seconds(row[2])});
  }
  return out;
}

bool near(double got, double want, double share = 1e-4) {
  CAPTURE(got);
  return std::abs(got - want) <= share * std::abs(want);
}

// Llama-3.1-8B: 32 layers x 4 x 32 heads x 128 operations a pair.
constexpr double kFlopsPerPair = 32.0 * 4 * 32 * 128;

}  // namespace

TEST_SUITE("prefill fit") {
  TEST_CASE("exact times give their own coefficients back, whichever is varied") {
    for (const Engine& engine : {Engine{}, Engine{20e-3, 40e-6, 4e-9, 0}, Engine{2e-3, 400e-6, 4e-9, 0},
                                 Engine{2e-3, 40e-6, 40e-9, 0}, Engine{0, 40e-6, 4e-9, 0}}) {
      const PrefillFit fit = fitted(profile_of(engine));
      CHECK(fit.terms.fixed_s == doctest::Approx(engine.fixed_s).epsilon(1e-3));
      CHECK(near(fit.terms.per_fresh_token_s, engine.token_s));
      CHECK(near(fit.terms.per_attention_flop_s * kFlopsPerPair, engine.pair_s));
      CHECK(fit.p95_residual < 1e-4);
      CHECK(fit.margin_low > 0.999);
      CHECK(fit.margin_high < 1.001);
      for (const auto& row : {std::pair{0, 1}, {1000, 1}, {20'000, 9000}, {0, 100'000}}) {
        const Tokens cached(static_cast<std::uint64_t>(row.first)), fresh(static_cast<std::uint64_t>(row.second));
        CHECK(near(fit.terms.seconds(llama(), cached, fresh), engine.at(row.first, row.second), 1e-3));
      }
    }
  }

  TEST_CASE("reading cached KV is a term of its own only where the data ask for it") {
    Engine engine;
    CHECK(fitted(profile_of(engine)).terms.per_cached_token_s < 1e-9);
    engine.cached_s = 1e-6;
    const PrefillFit fit = fitted(profile_of(engine));
    CHECK(near(fit.terms.per_cached_token_s, 1e-6, 0.01));
    CHECK(near(fit.terms.per_fresh_token_s, engine.token_s, 1e-3));
  }

  TEST_CASE("windows: what attention costs is the model's own, not the full square") {
    const Model oss = *find_model("gpt-oss-120b");  // half the layers see 128 tokens
    PrefillProfile profile;
    const auto flops = [](double cached, double fresh) {  // by hand, for prompts over a window
      const double full = fresh * (cached + fresh / 2);
      const double window = cached >= 128 ? 128 * fresh : 128 * fresh - (128 - cached) * (128 - cached) / 2;
      return 18 * 4.0 * 64 * 64 * (full + window);
    };
    for (const double prompt : {256., 1024., 4096., 16384., 65536.}) {
      profile.points.push_back({Tokens(static_cast<std::uint64_t>(prompt)), Tokens(0),
                                from_seconds(1e-3 + 30e-6 * prompt + 1e-14 * flops(0, prompt))});
    }
    const PrefillFit fit = fitted(profile, oss);
    CHECK(near(fit.terms.per_attention_flop_s, 1e-14, 1e-3));
    CHECK(near(fit.terms.seconds(oss, Tokens(50'000), Tokens(1000)), 1e-3 + 0.03 + 1e-14 * flops(50'000, 1000), 1e-3));
  }

  TEST_CASE("noise: the fit is within it, and the margin and intervals hold the truth") {
    const Engine engine;
    const PrefillFit fit = fitted(profile_of(engine, 0.1, 5));
    CHECK(fit.measurements == 90);
    CHECK(fit.points == 18);
    CHECK(fit.p95_residual < 0.15);
    CHECK(fit.median_residual < 0.08);
    CHECK(fit.margin_low < 1);
    CHECK(fit.margin_low > 0.8);
    CHECK(fit.margin_high > 1);
    CHECK(fit.margin_high < 1.25);
    CHECK(fit.low.per_fresh_token_s < engine.token_s);
    CHECK(fit.high.per_fresh_token_s > engine.token_s);
    CHECK(fit.low.per_attention_flop_s * kFlopsPerPair < engine.pair_s);
    CHECK(fit.high.per_attention_flop_s * kFlopsPerPair > engine.pair_s);
    // The same file gives the same figures, always.
    CHECK(fitted(profile_of(engine, 0.1, 5)).high.per_fresh_token_s == fit.high.per_fresh_token_s);
  }

  TEST_CASE("one repeat that went wrong does not move a median") {
    PrefillProfile profile = profile_of({}, 0, 5);
    profile.points[2].ttft = std::chrono::seconds(3);
    CHECK(near(fitted(profile).terms.per_fresh_token_s, 40e-6, 1e-3));
  }

  TEST_CASE("coefficients are never negative") {
    // Times that grow slower than linearly: a square term would have to be negative.
    const PrefillFit fit =
        fitted(points({{100, 0, 0.010}, {1000, 0, 0.090}, {2000, 0, 0.150}, {4000, 0, 0.240}, {8000, 0, 0.400}}));
    CHECK(fit.terms.per_attention_flop_s == 0);
    CHECK(fit.terms.per_fresh_token_s > 0);
    CHECK(fit.p95_residual > 0.01);
  }

  TEST_CASE("too few points: it is said how many lengths are needed") {
    CHECK(refused({}) == "mine: too few points: 0 lengths that were computed, 4 at least are needed");
    // Three lengths, however often.
    CHECK(refused(points({{100, 0, .1}, {200, 0, .2}, {300, 0, .3}, {300, 0, .3}, {300, 200, .1}})) ==
          "mine: too few points: 3 lengths that were computed, 4 at least are needed");
  }

  TEST_CASE("contradictory points are named") {
    CHECK(refused(points({{100, 0, .01}, {200, 0, .02}, {300, 0, .03}, {400, 0, .04}, {400, 0, .12}})) ==
          "mine: contradictory: 400 tokens took 40 ms and 120 ms, 3.0 times as long");
    CHECK(refused(points({{100, 0, .01}, {200, 0, .2}, {300, 0, .03}, {400, 0, .25}})) ==
          "mine: contradictory: 200 tokens took 200 ms, but 300 tokens took 30 ms");
    CHECK(refused(points({{100, 0, .01}, {200, 0, .02}, {900, 100, .09}, {3000, 100, .02}})) ==
          "mine: contradictory: 900 tokens of which 100 are cached took 90 ms, but 3000 tokens of which 100 are "
          "cached took 20 ms");
    // Times that fall because more is cached contradict nothing.
    CHECK(
        fit_profile(
            points({{100, 0, .01}, {2000, 0, .2}, {3000, 2900, .01}, {4000, 0, .4}, {4100, 4000, .01}, {8000, 0, .8}}),
            llama(), "mine")
            .has_value());
  }

  TEST_CASE("the engine of a profile says what it is, how good, and how far it reaches") {
    PrefillProfile profile = profile_of({}, 0.05, 3);
    profile.model = "meta-llama/Llama-3.1-8B-Instruct";
    profile.engine = "vLLM on one H100";
    const auto prefill = *make_profile_prefill(profile, llama(), "mine.json");
    CHECK(prefill->provenance() == Provenance::quoted);
    CHECK(prefill->device() == "vLLM on one H100, a profile of 18 points");
    CHECK(near(seconds(prefill->cost(Tokens(10'000), Tokens(2000))), Engine{}.at(10'000, 2000), 0.05));
    REQUIRE(prefill->margin().has_value());
    CHECK(prefill->margin()->low < 1);
    CHECK(prefill->margin()->method.find("residuals of the fit: median ") != std::string::npos);
    CHECK(prefill->range()->prompt == Tokens(32768));
    CHECK(prefill->range()->cached == Tokens(29491));
    CHECK(prefill->cautions().empty());
    CHECK_FALSE(prefill->utilisation().has_value());
  }

  TEST_CASE("what a profile lacks is said") {
    const auto cautions = [](const PrefillProfile& profile) {
      return (*make_profile_prefill(profile, llama(), "mine.csv"))->cautions();
    };
    PrefillProfile bare = profile_of({}, 0, 1, false);
    REQUIRE(cautions(bare).size() == 2);
    CHECK(cautions(bare)[0] == "mine.csv does not say which model it is of");
    CHECK(cautions(bare)[1].find("mine.csv has no point with cached tokens") == 0);
    bare.model = "llama-3.1-8b";
    CHECK(cautions(bare).size() == 1);
    PrefillProfile narrow = points({{1000, 10, .1}, {1100, 10, .11}, {1200, 10, .12}, {1300, 10, .13}});
    narrow.model = "llama-3.1-8b";
    REQUIRE(cautions(narrow).size() == 1);
    CHECK(cautions(narrow)[0].find("mine.csv has lengths from 990 to 1,290 tokens alone") == 0);
    PrefillProfile loose = points({{100, 10, .01}, {400, 10, .08}, {1000, 10, .06}, {4000, 10, .6}, {8000, 10, .5}});
    loose.model = "llama-3.1-8b";
    REQUIRE(cautions(loose).size() == 1);
    CHECK(cautions(loose)[0].find("mine.csv is fitted loosely") == 0);
  }

  TEST_CASE("another model's profile is refused, by names as people write them") {
    CHECK(same_model("", "llama-3.1-8b"));
    CHECK(same_model("Meta-Llama-3.1-8B-Instruct", "llama-3.1-8b"));
    CHECK(same_model("Qwen/Qwen2.5-7B", "qwen2.5-7b"));
    CHECK(same_model("llama-3.1-8b", "Llama-3.1-8B-Instruct"));
    CHECK_FALSE(same_model("meta-llama/Llama-3.1-70B", "llama-3.1-8b"));
    CHECK_FALSE(same_model("llama-2-70b", "llama-2-7b"));
    CHECK_FALSE(same_model("TinyLlama-1.1B", "tiny"));
    CHECK(same_model("Tiny", "tiny"));
    PrefillProfile profile = profile_of({});
    profile.model = "qwen2.5-7b";
    const auto refused = make_profile_prefill(profile, llama(), "mine.json");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message == "mine.json: measured with model 'qwen2.5-7b', not llama-3.1-8b");
    CHECK_FALSE(refused.error().hint.empty());
  }

  TEST_CASE("non-negative least squares: worked by hand") {
    // x = (1, 2): rows (1,1)/3, (1,0)/1, (0,1)/2 have the right side 1 exactly.
    NonNegativeFit fit;
    fit.add({1.0 / 3, 1.0 / 3, 0, 0});
    fit.add({1, 0, 0, 0});
    fit.add({0, 0.5, 0, 0});
    auto solved = fit.solve(0b0011);
    REQUIRE(solved.has_value());
    CHECK(near(solved->x[0], 1, 1e-12));
    CHECK(near(solved->x[1], 2, 1e-12));
    CHECK(solved->squares < 1e-12);
    // Only the first unknown: minimise (x/3-1)^2 + (x-1)^2 + 1: x = (1/3 + 1) / (1/9 + 1) = 1.2, 0.36 + 0.04 + 1 left.
    solved = fit.solve(0b0001);
    CHECK(near(solved->x[0], 1.2, 1e-12));
    CHECK(near(solved->squares, 1.4, 1e-12));
    // A row taken away again was never there; a column of zeros and one that is another's double are no unknowns.
    fit.add({5, 7, 9, 1});
    fit.add({5, 7, 9, 1}, -1);
    CHECK(near(fit.solve(0b0011)->x[0], 1, 1e-9));
    NonNegativeFit twice;
    twice.add({1, 2, 0, 0});
    twice.add({2, 4, 0, 0});
    solved = twice.solve(0b0111);
    REQUIRE(solved.has_value());
    CHECK(near(solved->x[0] + 2 * solved->x[1], 0.6, 1e-12));  // (1 + 2) / (1 + 4)
    CHECK(solved->x[2] == 0);
    CHECK_FALSE(NonNegativeFit().solve(0b1111).has_value());
    // What would be negative is 0: y = 1 on columns (1, 1), (2, 1), (4, 1) scaled falls with the first.
    NonNegativeFit falling;
    for (const double f : {1.0, 2.0, 4.0}) falling.add({1 / (5 - f), f / (5 - f), 0, 0});
    CHECK(falling.solve(0b0011)->x[1] == 0);
    CHECK(falling.solve(0b0011)->x[0] > 0);
  }
}
