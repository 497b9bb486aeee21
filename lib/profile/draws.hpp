#pragma once
#include <cstdint>

#include "base/random.hpp"

namespace kv {

/// Draws that are the same on every platform: of Random and portable_math alone. None keeps state.

double draw_exponential(Random& random);  ///< mean 1
/// Mean 0, variance 1, by the polar method (Marsaglia and Bray 1964).
double draw_normal(Random& random);
/// Mean `shape`, scale 1, shape > 0 (Marsaglia and Tsang 2000, "A simple method for generating gamma variables").
double draw_gamma(Random& random, double shape);

/// Ranks 0 .. count - 1 with probability proportional to 1 / (rank + 1)^exponent, in constant memory and time by
/// rejection-inversion (Hoermann and Derflinger 1996). Exponent 0 is uniform.
class Zipf {
 public:
  /// count >= 1, 0 <= exponent <= 10.
  Zipf(std::uint64_t count, double exponent);
  std::uint64_t draw(Random& random) const;

 private:
  double density(double x) const;
  double integral(double x) const;
  double inverse_integral(double y) const;

  double count_, exponent_, first_ = 0, last_ = 0, sure_ = 0;
};

}  // namespace kv
