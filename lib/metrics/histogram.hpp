#pragma once
#include <cstdint>
#include <vector>

#include "base/units.hpp"

namespace kv {

/// HDR-style log-linear histogram of non-negative integers (Tene, HdrHistogram): 1024 steps an octave, values below
/// 2048 exact, so a quantile is within 0.05 % of an exact one; count, sum, minimum and maximum are exact. Not
/// thread-safe: one a worker, merged at the end. Memory grows to what was seen, at most 450 KB.
class Histogram {
 public:
  void record(std::uint64_t value) { record(value, 1); }
  /// So many times the same value, at the cost of one.
  void record(std::uint64_t value, std::uint64_t times);
  /// In nanoseconds; a negative duration counts as 0.
  void record(Duration d) { record(d.count() < 0 ? std::uint64_t{0} : static_cast<std::uint64_t>(d.count())); }
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t min() const { return count_ ? min_ : 0; }
  std::uint64_t max() const { return max_; }
  double sum() const { return static_cast<double>(sum_); }
  double mean() const { return count_ ? sum() / static_cast<double>(count_) : 0; }
  /// Nearest-rank quantile, 0 < q <= 1; 0 if empty. Never below min() nor above max(), which ranks 1 and n give.
  std::uint64_t quantile(double q) const;

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0, min_ = ~std::uint64_t{0}, max_ = 0;
  __extension__ unsigned __int128 sum_ = 0;
};

}  // namespace kv
