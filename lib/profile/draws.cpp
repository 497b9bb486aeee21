#include "profile/draws.hpp"

#include <algorithm>
#include <cmath>

#include "base/portable_math.hpp"

namespace kv {

double draw_exponential(Random& random) { return -portable_log(1.0 - random.uniform()); }

double draw_normal(Random& random) {
  for (;;) {
    const double u = 2 * random.uniform() - 1, v = 2 * random.uniform() - 1, s = u * u + v * v;
    if (s > 0 && s < 1) return u * std::sqrt(-2 * portable_log(s) / s);
  }
}

double draw_gamma(Random& random, double shape) {
  if (shape < 1) {  // section 6 of the paper
    const double boosted = draw_gamma(random, shape + 1);
    return boosted * portable_pow(1.0 - random.uniform(), 1 / shape);
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = draw_normal(random), root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (portable_log(1.0 - random.uniform()) < 0.5 * x * x + d - d * v + d * portable_log(v)) return d * v;
  }
}

namespace {

constexpr double kNearOne = 1e-6;  // exponents that near to 1 are taken for 1: the formulas for others cancel there

}  // namespace

Zipf::Zipf(std::uint64_t count, double exponent) : count_(static_cast<double>(count)), exponent_(exponent) {
  first_ = integral(1.5) - 1;
  last_ = integral(count_ + 0.5);
  sure_ = 2 - inverse_integral(integral(2.5) - density(2));
}

double Zipf::density(double x) const { return portable_pow(x, -exponent_); }

double Zipf::integral(double x) const {
  const double power = 1 - exponent_;
  if (std::abs(power) < kNearOne) return portable_log(x);
  return (portable_pow(x, power) - 1) / power;
}

double Zipf::inverse_integral(double y) const {
  const double power = 1 - exponent_;
  if (std::abs(power) < kNearOne) return portable_exp(y);
  return portable_pow(std::max(1 + y * power, 1e-300), 1 / power);
}

std::uint64_t Zipf::draw(Random& random) const {
  for (;;) {
    const double y = last_ + random.uniform() * (first_ - last_);
    const double x = std::clamp(inverse_integral(y), 0.5, count_ + 0.5);
    const double rank = std::clamp(std::floor(x + 0.5), 1.0, count_);
    if (rank - x <= sure_ || y >= integral(rank + 0.5) - density(rank)) return static_cast<std::uint64_t>(rank) - 1;
  }
}

}  // namespace kv
