#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/units.hpp"

namespace kv {

/// One fetch as it was measured.
struct FetchSample {
  std::uint64_t bytes = 0;  ///< of payload, more than 0
  Duration took{0};
};

/// What fetches take: a fixed part, and a time for every byte. Neither is negative.
struct FetchLine {
  double fixed_s = 0, s_per_byte = 0;

  double predict_s(std::uint64_t bytes) const { return fixed_s + s_per_byte * static_cast<double>(bytes); }
};

/// Theil-Sen: the median of the slopes of all pairs of samples of different size, and the median of what it leaves of
/// each; up to 29 % of the samples may be arbitrarily wrong. Samples of a single size tell no fixed part: all of the
/// median is the bytes' then. O(n^2) time and memory: keep n in the hundreds. nullopt without samples.
std::optional<FetchLine> fit_fetches(std::span<const FetchSample> samples);

/// Keeps every sample of few and every second, fourth, ... of many, so that it never holds more than kMost.
class FetchLog {
 public:
  static constexpr std::size_t kMost = 512;

  void add(const FetchSample& sample);
  /// Another worker's.
  void merge(const FetchLog& other);
  std::span<const FetchSample> samples() const { return samples_; }

 private:
  void thin();

  std::vector<FetchSample> samples_;
  std::uint64_t seen_ = 0, every_ = 1;
};

}  // namespace kv
