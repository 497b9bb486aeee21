#include "metrics/histogram.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.hpp"

TEST_SUITE("histogram") {
  using namespace kv;

  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

  /// As many bits as a second draw says: every octave is hit alike.
  std::uint64_t any_magnitude(Random & random) { return random.next() >> random.below(64); }

  /// Nearest rank by definition: the smallest sample that at least q of all do not exceed.
  std::uint64_t exact_quantile(const std::vector<std::uint64_t>& sorted, std::uint64_t percent_hundredths) {
    const std::uint64_t rank = (percent_hundredths * sorted.size() + 9999) / 10000;
    return sorted[std::max<std::uint64_t>(rank, 1) - 1];
  }

  TEST_CASE("a quantile is within 0.1 % of the exact one at any rank and magnitude") {
    Random random(7);
    for (const std::size_t n : {1, 2, 3, 10, 99, 1000, 20000}) {
      CAPTURE(n);
      Histogram histogram;
      std::vector<std::uint64_t> samples;
      for (std::size_t i = 0; i < n; ++i) samples.push_back(any_magnitude(random));
      for (const std::uint64_t sample : samples) histogram.record(sample);
      std::sort(samples.begin(), samples.end());
      for (const std::uint64_t hundredths : {1, 100, 700, 2500, 5000, 9000, 9500, 9900, 9990, 10000}) {
        const double exact = static_cast<double>(exact_quantile(samples, hundredths));
        const double got = static_cast<double>(histogram.quantile(static_cast<double>(hundredths) / 10000));
        CHECK(std::abs(got - exact) <= 0.001 * exact);
      }
    }
  }

  TEST_CASE("values below 2048 are told apart exactly") {
    for (std::uint64_t value = 0; value < 2048; ++value) {
      Histogram histogram;
      histogram.record(std::uint64_t{0});
      histogram.record(value);
      histogram.record(kMax);
      REQUIRE(histogram.quantile(0.5) == value);
    }
  }

  TEST_CASE("the rank is the decimal one: 7 % of 100 samples are 7, though 0.07 x 100 > 7 in binary") {
    Histogram histogram;
    for (std::uint64_t value = 1; value <= 100; ++value) histogram.record(value);
    for (int percent = 1; percent <= 100; ++percent) CHECK(histogram.quantile(percent / 100.0) == percent);
  }

  TEST_CASE("count, sum, minimum and maximum are exact, also beyond 64 bits") {
    Histogram histogram;
    CHECK(histogram.count() == 0);
    CHECK(histogram.min() == 0);
    CHECK(histogram.quantile(0.5) == 0);
    CHECK(histogram.mean() == 0);
    for (int i = 0; i < 4; ++i) histogram.record(kMax);
    histogram.record(std::uint64_t{1000003});
    CHECK(histogram.count() == 5);
    CHECK(histogram.min() == 1000003);
    CHECK(histogram.max() == kMax);
    CHECK(histogram.sum() == doctest::Approx(4 * 0x1p64 + 999999).epsilon(1e-15));
    CHECK(histogram.quantile(1) == kMax);
    CHECK(histogram.quantile(0.0001) == 1000003);
  }

  TEST_CASE("a quantile never leaves the range of the samples") {
    Histogram histogram;
    for (int i = 0; i < 3; ++i) histogram.record(std::uint64_t{1'000'000'007});
    for (const double q : {0.01, 0.5, 1.0}) CHECK(histogram.quantile(q) == 1'000'000'007);
  }

  TEST_CASE("merging workers gives what one histogram of all samples would") {
    Random random(11);
    Histogram all, merged, parts[3];
    for (int i = 0; i < 3000; ++i) {
      const std::uint64_t value = any_magnitude(random);
      all.record(value);
      parts[i % 3].record(value);
    }
    for (const Histogram& part : parts) merged.merge(part);
    merged.merge(Histogram());
    CHECK(merged.count() == all.count());
    CHECK(merged.min() == all.min());
    CHECK(merged.max() == all.max());
    CHECK(merged.sum() == all.sum());
    for (double q = 0.01; q <= 1; q += 0.01) CHECK(merged.quantile(q) == all.quantile(q));
  }

  TEST_CASE("a negative duration counts as none") {
    Histogram histogram;
    histogram.record(Duration(-5));
    histogram.record(Duration(7));
    CHECK(histogram.min() == 0);
    CHECK(histogram.max() == 7);
  }
}
