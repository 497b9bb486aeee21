#pragma once
#include <doctest/doctest.h>

#include <cmath>

namespace kv::test {

/// Whether `got` is within `share` of `want`, both shown where the check around it fails.
inline bool near(double got, double want, double share = 1e-6) {
  CAPTURE(got);
  CAPTURE(want);
  return std::abs(got - want) <= share * std::abs(want);
}

/// The same but for rounding.
inline bool same(double got, double want, double share = 1e-9) { return near(got, want, share); }

}  // namespace kv::test
