#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "profile/arrivals.hpp"
#include "profile/distribution.hpp"
#include "profile/draws.hpp"

TEST_SUITE("profile draws") {
  using namespace kv;

  struct Moments {
    double mean, variance;
  };
  Moments moments(int n, const std::function<double()>& draw) {
    double sum = 0, squares = 0;
    for (int i = 0; i < n; ++i) {
      const double x = draw();
      sum += x;
      squares += x * x;
    }
    return {sum / n, squares / n - sum / n * (sum / n)};
  }

  TEST_CASE("exponential, normal and gamma have their mean and variance") {
    Random random(1);
    const Moments e = moments(400'000, [&] { return draw_exponential(random); });
    CHECK(e.mean == doctest::Approx(1).epsilon(0.01));
    CHECK(e.variance == doctest::Approx(1).epsilon(0.02));
    const Moments n = moments(400'000, [&] { return draw_normal(random); });
    CHECK(std::abs(n.mean) < 0.01);
    CHECK(n.variance == doctest::Approx(1).epsilon(0.02));
    for (const double shape : {0.1, 0.5, 1.0, 3.0, 40.0}) {  // a gamma's variance is its shape too
      const Moments g = moments(400'000, [&] { return draw_gamma(random, shape); });
      CAPTURE(shape);
      CHECK(g.mean == doctest::Approx(shape).epsilon(0.02));
      CHECK(g.variance == doctest::Approx(shape).epsilon(0.05));
    }
  }

  TEST_CASE("rank n of a Zipf distribution comes up in proportion to 1 / n^exponent") {
    for (const double exponent : {0.0, 0.5, 1.0, 1.3, 3.0}) {
      for (const std::uint64_t count : {1, 2, 7, 1000}) {
        CAPTURE(exponent);
        CAPTURE(count);
        double total = 0;
        for (std::uint64_t i = 1; i <= count; ++i) total += std::pow(static_cast<double>(i), -exponent);
        const Zipf zipf(count, exponent);
        Random random(3);
        std::vector<int> seen(count);
        constexpr int kDraws = 200'000;
        for (int i = 0; i < kDraws; ++i) ++seen.at(zipf.draw(random));
        for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, 5); ++i) {
          const double share = std::pow(static_cast<double>(i + 1), -exponent) / total;
          CHECK(std::abs(seen[i] - share * kDraws) < 5 * std::sqrt(share * kDraws) + 1);  // five deviations
        }
      }
    }
  }

  Distribution read(const std::string& toml, Range range = {0, 1e9}) {
    const auto root = parse_toml("x = " + toml, "test.toml");
    REQUIRE(root);
    const auto read = read_distribution(*root->find("x"), range);
    if (!read) FAIL(read.error().message);
    return *read;
  }
  double share_below(const Distribution& distribution, double limit) {
    Random random(5);
    int below = 0;
    for (int i = 0; i < 100'000; ++i) below += distribution.draw(random) < limit;
    return below / 100'000.0;
  }

  TEST_CASE("distributions have the quantiles that the profile gives them") {
    // The standard normal is below 1.2816 with probability 0.9.
    const Distribution by_median = read("{ type = \"lognormal\", median = 200, sigma = 0.8 }");
    CHECK(share_below(by_median, 200) == doctest::Approx(0.5).epsilon(0.02));
    CHECK(share_below(by_median, 200 * std::exp(0.8 * 1.2816)) == doctest::Approx(0.9).epsilon(0.01));
    Random random(9);
    const Distribution by_mean = read("{ type = \"lognormal\", mean = 300, sigma = 0.5 }");
    CHECK(moments(300'000, [&] { return by_mean.draw(random); }).mean == doctest::Approx(300).epsilon(0.01));

    const Distribution quantiles =
        read("{ type = \"quantiles\", points = [[0, 10], [0.5, 100], [0.9, 500], [1, 900]] }");
    CHECK(share_below(quantiles, 10) == 0);
    CHECK(share_below(quantiles, 55) == doctest::Approx(0.25).epsilon(0.03));
    CHECK(share_below(quantiles, 100) == doctest::Approx(0.5).epsilon(0.02));
    CHECK(share_below(quantiles, 500) == doctest::Approx(0.9).epsilon(0.01));
    CHECK(share_below(quantiles, 900) == 1);

    const Distribution uniform = read("{ type = \"uniform\", min = 20, max = 40 }");
    CHECK(share_below(uniform, 20) == 0);
    CHECK(share_below(uniform, 25) == doctest::Approx(0.25).epsilon(0.03));
    CHECK(share_below(uniform, 40.001) == 1);

    const Distribution exponential = read("{ type = \"exponential\", mean = 30 }");
    CHECK(share_below(exponential, 30 * std::log(2)) == doctest::Approx(0.5).epsilon(0.02));

    const Distribution geometric = read("{ type = \"geometric\", mean = 4 }");
    CHECK(share_below(geometric, 1) == 0);
    CHECK(share_below(geometric, 1.5) == doctest::Approx(0.25).epsilon(0.03));  // 1 / mean
    CHECK(share_below(geometric, 2.5) == doctest::Approx(1 - 0.75 * 0.75).epsilon(0.03));
    CHECK(share_below(read("{ type = \"geometric\", mean = 1 }"), 1.5) == 1);

    CHECK(read("7").draw(random) == 7);
    CHECK(read("{ type = \"constant\", value = 8 }").draw_count(random) == 8);
  }

  TEST_CASE("min and max hold what is drawn") {
    const Distribution clipped = read("{ type = \"lognormal\", median = 200, sigma = 2, min = 100, max = 300 }");
    CHECK(share_below(clipped, 100) == 0);
    CHECK(share_below(clipped, 100.001) > 0.3);
    CHECK(share_below(clipped, 300.001) == 1);
    const Distribution in_range = read("{ type = \"exponential\", mean = 50 }", {1, 60});
    CHECK(share_below(in_range, 1) == 0);
    CHECK(share_below(in_range, 60.001) == 1);
  }

  Arrivals arrivals(const std::string& toml) {
    const auto root = parse_toml("x = { " + toml + " }", "test.toml");
    REQUIRE(root);
    const auto read = read_arrivals(*root->find("x"));
    if (!read) FAIL(read.error().message);
    return *read;
  }
  std::vector<double> times(const Arrivals& process, int n) {
    ArrivalTimes run(process, 11);
    std::vector<double> out;
    for (int i = 0; i < n; ++i) out.push_back(run.next());
    return out;
  }

  TEST_CASE("gaps have the rate and the coefficient of variation of their process") {
    const auto check = [](const std::string& toml, double rate, double cv) {
      CAPTURE(toml);
      const auto at = times(arrivals(toml), 200'000);
      double last = 0, sum = 0, squares = 0;
      bool sorted = true;
      for (const double t : at) {
        sorted = sorted && t >= last;
        sum += t - last;
        squares += (t - last) * (t - last);
        last = t;
      }
      CHECK(sorted);
      const double n = static_cast<double>(at.size()), mean = sum / n;
      CHECK(mean == doctest::Approx(1 / rate).epsilon(0.03));
      CHECK(std::sqrt(squares / n - mean * mean) / mean == doctest::Approx(cv).epsilon(0.05));
    };
    check("type = \"poisson\", rate_per_s = 3", 3, 1);
    check("type = \"gamma\", rate_per_s = 0.5, cv = 3", 0.5, 3);
    check("type = \"gamma\", rate_per_s = 20, cv = 0.4", 20, 0.4);
    check("type = \"gamma\", rate_per_s = 2", 2, 2);
    const auto clock = times(arrivals("type = \"constant\", rate_per_s = 4"), 1'000'000);
    CHECK(clock.front() == 0.25);
    CHECK(clock.back() == doctest::Approx(250'000).epsilon(1e-9));
  }

  TEST_CASE("a day has its peak where the profile puts it, and a step its own rate") {
    const auto count = [](const std::vector<double>& at, double period, double from, double to) {
      int n = 0;
      for (const double t : at) {
        const double part = t - std::floor(t / period) * period;
        n += part >= from && part < to;
      }
      return static_cast<double>(n);
    };
    const auto day =
        times(arrivals("type = \"diurnal\", rate_per_s = 10, amplitude = 0.8, period_s = 1000, peak_s = 300"), 400'000);
    CHECK(day.back() == doctest::Approx(40'000).epsilon(0.02));
    CHECK(count(day, 1000, 290, 310) / count(day, 1000, 790, 810) == doctest::Approx(1.8 / 0.2).epsilon(0.15));
    CHECK(count(day, 1000, 40, 60) / count(day, 1000, 540, 560) == doctest::Approx(1).epsilon(0.05));

    const auto steps = times(arrivals("type = \"stepped\", steps = [{ for_s = 100, rate_per_s = 5 }, "
                                      "{ for_s = 50, rate_per_s = 0 }, { for_s = 50, rate_per_s = 20 }]"),
                             150'000);
    CHECK(steps.back() == doctest::Approx(20'000).epsilon(0.02));  // 1500 arrivals in 200 s
    CHECK(count(steps, 200, 100, 150) == 0);
    CHECK(count(steps, 200, 0, 100) / count(steps, 200, 150, 200) == doctest::Approx(0.5).epsilon(0.03));
  }

  TEST_CASE("a gap of many repetitions is not walked step by step") {
    const auto rare = times(arrivals("type = \"stepped\", steps = [{ for_s = 0.001, rate_per_s = 0.001 }, "
                                     "{ for_s = 0.001, rate_per_s = 0 }]"),
                            1000);
    CHECK(rare.back() == doctest::Approx(1000 / 0.0005).epsilon(0.1));
  }
}
