#include "metrics/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

namespace kv {
namespace {

constexpr unsigned kStepBits = 10;
constexpr std::size_t kSteps = std::size_t{1} << kStepBits;

// A value keeps its kStepBits + 1 leading bits. Those of values that lose nothing (shift 0) fill two octaves of
// indices, every further shift one more.
struct Bucket {
  unsigned shift;
  std::uint64_t leading;
};

Bucket bucket_of_value(std::uint64_t value) {
  const auto width = static_cast<unsigned>(std::bit_width(value));
  const unsigned shift = width > kStepBits + 1 ? width - (kStepBits + 1) : 0;
  return {shift, value >> shift};
}

std::size_t index_of(std::uint64_t value) {
  const Bucket bucket = bucket_of_value(value);
  return bucket.shift * kSteps + bucket.leading;
}

std::uint64_t middle_of(std::size_t index) {
  const std::size_t shift = index < 2 * kSteps ? 0 : index / kSteps - 1;
  const std::uint64_t low = static_cast<std::uint64_t>(index - shift * kSteps) << shift;
  return low + ((std::uint64_t{1} << shift) >> 1);
}

}  // namespace

void Histogram::record(std::uint64_t value, std::uint64_t times) {
  if (times == 0) return;
  const std::size_t index = index_of(value);
  if (index >= counts_.size()) counts_.resize((index / kSteps + 1) * kSteps);  // whole octaves: grows rarely
  counts_[index] += times;
  count_ += times;
  sum_ += static_cast<decltype(sum_)>(value) * times;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
}

void Histogram::merge(const Histogram& other) {
  if (counts_.size() < other.counts_.size()) counts_.resize(other.counts_.size());
  for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::quantile(double q) const {
  assert(q > 0 && q <= 1);
  if (count_ == 0) return 0;
  // q as written in decimal is rarely a double: 0.07 x 100 gives 7.0000000000000009, whose ceiling is not the rank.
  const double rank = std::ceil(q * static_cast<double>(count_) * (1 - 1e-12));
  if (rank <= 1) return min_;
  if (rank >= static_cast<double>(count_)) return max_;
  std::uint64_t left = static_cast<std::uint64_t>(rank);
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] >= left) return std::clamp(middle_of(i), min_, max_);
    left -= counts_[i];
  }
  return max_;
}

}  // namespace kv
