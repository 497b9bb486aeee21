#include "base/portable_math.hpp"

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <limits>

static_assert(FLT_EVAL_METHOD == 0 && std::numeric_limits<double>::is_iec559, "doubles are computed as doubles");

namespace kv {
namespace {

constexpr double kLn2 = 0x1.62e42fefa39efp-1;
constexpr double kInverseLn2 = 0x1.71547652b82fep+0;
constexpr double kTwoPi = 0x1.921fb54442d18p+2;
constexpr std::uint64_t kFraction = (std::uint64_t{1} << 52) - 1;

/// 2^n for a normal result.
double power_of_two(int n) { return std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52); }

/// ln m for m in [sqrt(1/2), sqrt(2)): 2 atanh(t), t = (m - 1) / (m + 1); the first term left out is below 2^-53.
double log_near_one(double m) {
  const double t = (m - 1) / (m + 1), square = t * t;
  double sum = 0;
  for (int k = 23; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
  return 2 * t * sum;
}

struct Split {
  double mantissa;  // in [sqrt(1/2), sqrt(2))
  int exponent;
};

Split split(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  Split s{std::bit_cast<double>((bits & kFraction) | (std::uint64_t{1023} << 52)), static_cast<int>(bits >> 52) - 1023};
  if (s.mantissa > 0x1.6a09e667f3bcdp+0) {
    s.mantissa *= 0.5;
    ++s.exponent;
  }
  return s;
}

}  // namespace

double portable_log2(double x) {
  const Split s = split(x);
  return s.exponent + log_near_one(s.mantissa) * kInverseLn2;
}

double portable_log(double x) {
  const Split s = split(x);
  return s.exponent * kLn2 + log_near_one(s.mantissa);
}

double portable_exp2(double x) {
  if (!(x >= -1022)) return 0;
  if (x > 1023) return std::numeric_limits<double>::infinity();
  const double whole = std::floor(x + 0.5), y = (x - whole) * kLn2;
  double sum = 1;
  for (int k = 14; k >= 1; --k) sum = 1 + sum * y / k;
  // A rounded-up half at either end would leave the range of power_of_two: two factors do not.
  const int half = static_cast<int>(whole) / 2;
  return sum * power_of_two(half) * power_of_two(static_cast<int>(whole) - half);
}

double portable_exp(double x) { return portable_exp2(x * kInverseLn2); }

double portable_pow(double x, double y) { return portable_exp2(portable_log2(x) * y); }

double portable_cos_turns(double t) {
  double part = t - std::floor(t);    // [0, 1)
  if (part > 0.5) part = 1 - part;    // even around half a turn
  const bool negative = part > 0.25;  // and odd around a quarter
  if (negative) part = 0.5 - part;
  const double angle = part * kTwoPi, square = angle * angle;
  double sum = 1;
  for (int k = 22; k >= 2; k -= 2) sum = 1 - sum * square / (k * (k - 1));
  return negative ? -sum : sum;
}

}  // namespace kv
