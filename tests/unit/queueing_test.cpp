#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "sim/queueing.hpp"

using namespace kv;

namespace {

/// Erlang's formula as books print it: a^c / c! x c / (c - a), over itself plus the sum of a^k / k! for k < c.
double printed_erlang_c(double a, int c) {
  double power = 1, sum = 0;
  for (int k = 0; k < c; ++k) {
    sum += power;
    power *= a / (k + 1);
  }
  const double all_busy = power * c / (c - a);
  return all_busy / (sum + all_busy);
}

/// Mean wait over service of M/D/c, from how many are there: whoever is served now is gone one service later, so that
/// N' = max(N - c, 0) + Poisson(a), iterated until it stands still. Little's law makes it a wait.
double iterated_mdc_wait(double a, int c) {
  constexpr int kStates = 300;
  std::vector<double> poisson(kStates), now(kStates, 0);
  for (int k = 0; k < kStates; ++k) poisson[k] = k == 0 ? std::exp(-a) : poisson[k - 1] * a / k;
  now[0] = 1;
  double queue = 0, before = -1;
  while (std::abs(queue - before) > 1e-13) {
    std::vector<double> next(kStates, 0);
    for (int n = 0; n < kStates; ++n) {
      const int left = std::max(n - c, 0);
      for (int k = 0; left + k < kStates && k < 120; ++k) next[left + k] += now[n] * poisson[k];
    }
    now = next;
    before = queue;
    queue = 0;
    for (int n = c; n < kStates; ++n) queue += now[n] * (n - c);
  }
  return queue / a;
}

}  // namespace

TEST_SUITE("queueing") {
  TEST_CASE("Erlang C is what books print, for every load and number of servers") {
    CHECK(*erlang_c({0.5, 1, 1}) == doctest::Approx(0.5));      // M/M/1: the utilisation
    CHECK(*erlang_c({1, 1, 2}) == doctest::Approx(1.0 / 3.0));  // by hand: 1/2 x 2 / (1 + 1 + 1)
    for (const int c : {1, 2, 7, 30}) {
      for (const double u : {0.1, 0.6, 0.98}) {
        for (const double service : {0.02, 3.0}) {
          const QueueLoad load{u * c / service, service, static_cast<std::uint32_t>(c)};
          CHECK(*erlang_c(load) == doctest::Approx(printed_erlang_c(u * c, c)));
          const double wait = printed_erlang_c(u * c, c) * service / (c * (1 - u));
          CHECK(*mmc_mean_wait_s(load) == doctest::Approx(wait));
        }
      }
    }
  }

  TEST_CASE("a quantile of the wait is where the exponential tail says") {
    const QueueLoad load{7, 0.2, 2};  // 1.4 Erlang on 2: C = 0.98 x 2 / 0.6 / (1 + 1.4 + 3.2667) = 0.57647
    CHECK(*erlang_c(load) == doctest::Approx(0.576470588));
    CHECK(*mmc_wait_quantile_s(load, 0.3) == 0.0);  // 42 % do not wait at all
    const double t = *mmc_wait_quantile_s(load, 0.95);
    CHECK(0.576470588 * std::exp(-0.6 / 0.2 * t) == doctest::Approx(0.05));
    CHECK(*mmc_wait_quantile_s(load, 0.99) > t);
    CHECK_FALSE(mmc_wait_quantile_s(load, 1).has_value());
    CHECK_FALSE(mmc_wait_quantile_s(load, -0.1).has_value());
  }

  TEST_CASE("one server: Pollaczek and Khinchine, from no variation to the exponential's") {
    const QueueLoad load{4, 0.2, 1};                                       // utilisation 0.8
    CHECK(*mg1_mean_wait_s(load, 0) == doctest::Approx(0.8 * 0.2 / 0.4));  // 0.4 s
    CHECK(*mg1_mean_wait_s(load, 1) == doctest::Approx(0.8));              // as M/M/1
    CHECK(*mg1_mean_wait_s(load, 1) == doctest::Approx(*mmc_mean_wait_s(load)));
    CHECK(*mg1_mean_wait_s(load, 3) == doctest::Approx(1.6));
    CHECK(*mdc_mean_wait_s(load) == doctest::Approx(0.4));
    CHECK(*mdc_mean_wait_s({2, 0.2, 1}) == doctest::Approx(0.4 * 0.2 / 1.2));
    CHECK(*mdc_mean_wait_s({2, 0.4, 1}) == doctest::Approx(0.8));
  }

  TEST_CASE("M/D/c is what iterating the number of requests gives") {
    for (const int c : {2, 3, 8}) {
      for (const double u : {0.2, 0.7, 0.9}) {
        const QueueLoad load{u * c / 0.5, 0.5, static_cast<std::uint32_t>(c)};
        CAPTURE(c);
        CAPTURE(u);
        CHECK(*mdc_mean_wait_s(load) == doctest::Approx(0.5 * iterated_mdc_wait(u * c, c)).epsilon(1e-6));
      }
    }
  }

  TEST_CASE("beyond 95 % the approximation goes on where the exact sum ended") {
    for (const std::uint32_t c : {2U, 8U, 64U}) {
      const double exact = *mdc_mean_wait_s({0.95 * c, 1, c}), beyond = *mdc_mean_wait_s({0.9500001 * c, 1, c});
      CHECK(beyond == doctest::Approx(exact).epsilon(0.01));
    }
  }

  TEST_CASE("what has no mean, or is no queue, has no answer; an idle one no wait") {
    for (const QueueLoad& bad : {QueueLoad{1, 1, 1}, QueueLoad{3, 1, 2}, QueueLoad{-1, 1, 1}, QueueLoad{1, -1, 1},
                                 QueueLoad{1, 0.5, 0}, QueueLoad{std::nan(""), 1, 1},
                                 QueueLoad{1, std::numeric_limits<double>::infinity(), 1}, QueueLoad{1, 0.1, 70'000}}) {
      CHECK_FALSE(erlang_c(bad).has_value());
      CHECK_FALSE(mmc_mean_wait_s(bad).has_value());
      CHECK_FALSE(mg1_mean_wait_s(bad, 1).has_value());
      CHECK_FALSE(mdc_mean_wait_s(bad).has_value());
    }
    CHECK_FALSE(mg1_mean_wait_s({1, 0.5, 1}, -1).has_value());
    CHECK_FALSE(mg1_mean_wait_s({1, 0.5, 2}, 1).has_value());
    for (const QueueLoad& idle : {QueueLoad{0, 1, 3}, QueueLoad{1, 0, 3}, QueueLoad{1e-12, 1, 3}}) {
      CHECK(*mdc_mean_wait_s(idle) == doctest::Approx(0));
      CHECK(*mmc_mean_wait_s(idle) == doctest::Approx(0));
    }
  }
}
