#pragma once
#include <cstdint>
#include <optional>

#include "metrics/histogram.hpp"

namespace kv {

/// Where the values of a sample lie: nearest-rank quantiles, within 0.05 % (see Histogram), exact below 2048; count,
/// mean, minimum and maximum are exact.
struct Spread {
  std::uint64_t count = 0;
  double mean = 0;
  std::uint64_t min = 0, p10 = 0, p25 = 0, p50 = 0, p75 = 0, p90 = 0, p95 = 0, p99 = 0, max = 0;
};
/// Nothing of nothing.
inline std::optional<Spread> spread_of(const Histogram& h) {
  if (h.count() == 0) return std::nullopt;
  return Spread{h.count(),        h.mean(),         h.min(),          h.quantile(0.10),
                h.quantile(0.25), h.quantile(0.50), h.quantile(0.75), h.quantile(0.90),
                h.quantile(0.95), h.quantile(0.99), h.max()};
}

/// Mean and variance in one pass (Welford 1962). Not thread-safe.
class Moments {
 public:
  void add(double value) {
    ++count_;
    const double off = value - mean_;
    mean_ += off / static_cast<double>(count_);
    squares_ += off * (value - mean_);
  }
  std::uint64_t count() const { return count_; }
  double mean() const { return mean_; }
  /// Of the population; 0 of less than two values.
  double variance() const { return count_ < 2 ? 0 : squares_ / static_cast<double>(count_); }

 private:
  std::uint64_t count_ = 0;
  double mean_ = 0, squares_ = 0;
};

}  // namespace kv
