#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "workload/large_vector.hpp"

namespace kv {

/// A line of slots that are taken in order and die in any order; knows how many dead ones are in front of any slot.
/// Taking one costs nothing: what is counted are the dead.
///
/// A tree of prefix sums: for each word of 64 slots the dead in front of it within its node of 32 words, for each node
/// those in front of it within its parent of 16, and so on. Asking adds one number a level, at places that follow from
/// the slot alone, so that no load waits for another; a death adds to the numbers behind it in one node a level, which
/// are neighbours, so that a few vector instructions do it. 1.6 bits a slot. Not thread-safe.
class DeadSlots {
 public:
  /// All alive. `size` below 2^32.
  explicit DeadSlots(std::size_t size);

  std::size_t size() const { return size_; }
  /// Slots that are alive die.
  void kill(std::size_t first, std::size_t count);
  /// Dead ones in [0, place), place < size().
  std::uint64_t before(std::size_t place) const;
  void prefetch(std::size_t place) const {
    __builtin_prefetch(&words_[place / kWordBits]);
    __builtin_prefetch(&in_front_[place / kWordBits]);
  }
  /// Takes the dead out: what is alive moves to the front, in order, and so does each of `places` but `none`, which
  /// must be alive.
  void compact(std::span<std::uint32_t> places, std::uint32_t none);

 private:
  static constexpr std::size_t kWordBits = 64, kWords = 32, kChildren = 16, kMostLevels = 6;
  void add(std::size_t word, std::uint32_t dead);
  static std::uint32_t count(std::uint64_t word);

  std::size_t size_;
  LargeVector<std::uint64_t> words_;                            // a bit a slot: it is dead
  LargeVector<std::uint16_t> in_front_;                         // by word, within its node
  std::array<LargeVector<std::uint32_t>, kMostLevels> levels_;  // by node of the level below, within its parent
  std::size_t depth_ = 0;                                       // levels in use
};

inline std::uint32_t DeadSlots::count(std::uint64_t word) {  // in place: without -mpopcnt the built-in is a call
  word -= (word >> 1) & 0x5555555555555555U;
  word = (word & 0x3333333333333333U) + ((word >> 2) & 0x3333333333333333U);
  word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fU;
  return static_cast<std::uint32_t>((word * 0x0101010101010101U) >> 56);
}

inline std::uint64_t DeadSlots::before(std::size_t place) const {
  const std::size_t word = place / kWordBits;
  const std::uint64_t below = (std::uint64_t{1} << (place % kWordBits)) - 1;
  std::uint64_t dead = count(words_[word] & below) + in_front_[word];
  std::size_t node = word / kWords;
  for (std::size_t level = 0; level < depth_; ++level, node /= kChildren) dead += levels_[level][node];
  return dead;
}

inline void DeadSlots::kill(std::size_t first, std::size_t count) {
  while (count > 0) {
    const std::size_t from = first % kWordBits, here = count < kWordBits - from ? count : kWordBits - from;
    words_[first / kWordBits] |= (~std::uint64_t{0} >> (kWordBits - here)) << from;
    add(first / kWordBits, static_cast<std::uint32_t>(here));
    first += here;
    count -= here;
  }
}

}  // namespace kv
