#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kv {

/// Counts distinct 64-bit values in bounded memory: those whose hash is below a threshold, which halves whenever
/// `max_kept` are held. Exact up to `max_kept` values, beyond that with a standard error of about 1.2 / sqrt(max_kept),
/// 0.12 % by default (adaptive sampling: Flajolet 1990). Hashes are 64 bits and stand for their values. Not
/// thread-safe.
class DistinctCount {
 public:
  /// Takes up to 32 bytes for each of them.
  explicit DistinctCount(std::size_t max_kept = std::size_t{1} << 20);

  void add(std::uint64_t value);
  std::uint64_t count() const;
  bool exact() const { return shift_ == 0; }

 private:
  void insert(std::uint64_t hash);
  void rebuild(std::size_t slots);

  std::size_t max_kept_, kept_ = 0;
  unsigned shift_ = 0;                // kept: hashes with so many leading zeros
  std::vector<std::uint64_t> slots_;  // open addressing, at most half full; 0 is free
};

}  // namespace kv
