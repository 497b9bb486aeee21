#pragma once
#include <cstdint>
#include <span>

#include "workload/large_vector.hpp"

namespace kv {

/// A bitmap that knows how many bits are set in front of any place. Counts are kept at three levels (512, 16 Ki and 1
/// Mi bits), so that setting costs three additions, and asking sums a cache line or two at each level: faster here than
/// a Fenwick tree over superblocks, whose updates take as many dependent steps as its queries. 1.3 bits a bit. Not
/// thread-safe.
class RankedBits {
 public:
  /// All unset. `size` below 2^32.
  explicit RankedBits(std::size_t size);

  std::size_t size() const { return size_; }
  /// Sets bits that are unset, or clears bits that are set.
  void set(std::size_t first, std::size_t count) { change<true>(first, count); }
  void clear(std::size_t first, std::size_t count) { change<false>(first, count); }
  /// Bits set in [0, place).
  std::uint64_t before(std::size_t place) const { return count_(*this, place); }
  void prefetch(std::size_t place) const {
    __builtin_prefetch(&words_[place / kWordBits]);
    __builtin_prefetch(&lines_[place / kLineBits]);
  }
  /// Moves all set bits to the front, in order; each of `places` but `none` is that of a set bit, and follows it.
  void compact(std::span<std::uint32_t> places, std::uint32_t none);

 private:
  static constexpr std::size_t kWordBits = 64, kWordsPerLine = 8, kLineBits = kWordBits * kWordsPerLine;
  static constexpr std::size_t kLinesPerGroup = 32, kGroupBits = kLineBits * kLinesPerGroup;
  static constexpr std::size_t kGroupsPerTop = 64, kTopBits = kGroupBits * kGroupsPerTop, kTopsAtOnce = 8;
  template <bool kSet>
  void change(std::size_t first, std::size_t count);
  template <class Bits>
  static std::uint64_t count_by_levels(const Bits& bits, std::size_t place);
  static std::uint64_t count(const RankedBits& bits, std::size_t place);
  static std::uint64_t count_avx2(const RankedBits& bits, std::size_t place);
  using Count = std::uint64_t (*)(const RankedBits&, std::size_t);
  static Count fastest_count();

  Count count_ = fastest_count();
  std::size_t size_;
  LargeVector<std::uint64_t> words_;
  LargeVector<std::uint16_t> lines_;  // bits set, by line, group and top
  LargeVector<std::uint32_t> groups_, tops_;
};

template <bool kSet>
void RankedBits::change(std::size_t first, std::size_t count) {
  while (count > 0) {
    const std::size_t from = first % kWordBits, here = count < kWordBits - from ? count : kWordBits - from;
    const std::uint64_t mask = (~std::uint64_t{0} >> (kWordBits - here)) << from;
    const auto change = static_cast<std::uint32_t>(here);
    if constexpr (kSet) {
      words_[first / kWordBits] |= mask;
      lines_[first / kLineBits] = static_cast<std::uint16_t>(lines_[first / kLineBits] + change);
      groups_[first / kGroupBits] += change;
      tops_[first / kTopBits] += change;
    } else {
      words_[first / kWordBits] &= ~mask;
      lines_[first / kLineBits] = static_cast<std::uint16_t>(lines_[first / kLineBits] - change);
      groups_[first / kGroupBits] -= change;
      tops_[first / kTopBits] -= change;
    }
    first += here;
    count -= here;
  }
}

}  // namespace kv
