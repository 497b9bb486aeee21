#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <initializer_list>
#include <limits>

#include "base/portable_math.hpp"
#include "base/random.hpp"

TEST_SUITE("portable math") {
  using namespace kv;

  double relative(double got, double expected) { return std::abs(got - expected) / std::abs(expected); }

  TEST_CASE("logarithms and powers are those of the C library, to 1e-14") {
    Random random(1);
    double worst_log = 0, worst_exp = 0, worst_pow = 0, worst_cos = 0;
    for (int i = 0; i < 200'000; ++i) {
      const double x = std::exp2(random.uniform() * 2000 - 1000);
      worst_log = std::max(worst_log, relative(portable_log2(x), std::log2(x)));
      worst_log = std::max(worst_log, relative(portable_log(x), std::log(x)));
      const double near_one = 0.5 + random.uniform();
      if (near_one != 1) worst_log = std::max(worst_log, relative(portable_log2(near_one), std::log2(near_one)));
      const double y = random.uniform() * 2000 - 1000;
      worst_exp = std::max(worst_exp, relative(portable_exp2(y), std::exp2(y)));
      const double base = 0.01 + 100 * random.uniform(), power = random.uniform() * 8 - 4;
      worst_pow = std::max(worst_pow, relative(portable_pow(base, power), std::pow(base, power)));
      worst_exp = std::max(worst_exp, relative(portable_exp(power), std::exp(power)));
      const double turns = random.uniform() * 20 - 10;
      worst_cos = std::max(worst_cos, std::abs(portable_cos_turns(turns) - std::cos(turns * 2 * std::acos(-1.0))));
    }
    CHECK(worst_log < 1e-14);
    CHECK(worst_exp < 1e-14);
    CHECK(worst_pow < 1e-13);  // a rounded logarithm, four times as large
    CHECK(worst_cos < 1e-13);  // the library's argument is rounded: 62 radians by 7e-15
  }

  TEST_CASE("what has an exact value has it") {
    for (int n = -1022; n <= 1023; ++n) {
      CHECK(portable_exp2(n) == std::ldexp(1.0, n));
      CHECK(portable_log2(std::ldexp(1.0, n)) == n);
    }
    CHECK(portable_log(1) == 0);
    CHECK(portable_exp(0) == 1);
    CHECK(portable_pow(2, 10) == 1024);
    CHECK(portable_cos_turns(0) == 1);
    CHECK(portable_cos_turns(1) == 1);
    CHECK(portable_cos_turns(0.5) == -1);
    CHECK(std::abs(portable_cos_turns(0.25)) < 1e-15);
    CHECK(std::abs(portable_cos_turns(-0.75)) < 1e-15);
  }

  TEST_CASE("beyond the range of doubles is 0 or infinity, and nothing traps") {
    CHECK(portable_exp2(-1023) == 0);
    CHECK(portable_exp2(-1e300) == 0);
    CHECK(portable_exp2(1024) == std::numeric_limits<double>::infinity());
    CHECK(portable_exp2(1e300) == std::numeric_limits<double>::infinity());
    CHECK(portable_exp(-1e6) == 0);
  }

  // Computed once on x86-64 with g++ 12 -O3; every other build must agree to the last bit.
  TEST_CASE("the bits are the same in every build") {
    std::uint64_t bits = 0;
    Random random(7);
    for (int i = 0; i < 10'000; ++i) {
      const double u = random.uniform() + 1e-9;
      for (const double x : {portable_log2(u), portable_log(u), portable_exp2(u * 50 - 25), portable_exp(u),
                             portable_pow(u, 1.5), portable_cos_turns(u)}) {
        bits = mix64(bits, std::bit_cast<std::uint64_t>(x));
      }
    }
    CHECK(bits == 2316553303601689132ULL);
  }
}
