#include "curve/ranked_bits.hpp"

#include <algorithm>
#include <bit>
#include <type_traits>
#include <vector>

namespace kv {

RankedBits::RankedBits(std::size_t size)
    : size_(size),
      words_((size / kLineBits + 1) * kWordsPerLine),
      lines_((size / kGroupBits + 1) * kLinesPerGroup),
      groups_((size / kTopBits + 1) * kGroupsPerTop),
      tops_((size / kTopBits / kTopsAtOnce + 1) * kTopsAtOnce) {}

namespace {

// Sum of the first `count` of `kAll` numbers. No branch depends on `count`, which no CPU could foresee; a compiler that
// may use AVX2 makes a few instructions of it. Inlined, so that it is compiled for what the caller may use.
template <std::size_t kAll, class Number>
__attribute__((always_inline)) inline std::uint32_t sum(const Number* numbers, std::size_t count) {
  using Signed = std::make_signed_t<Number>;
  Number out = 0;
  for (std::size_t i = 0; i < kAll; ++i) {
    const auto keep = static_cast<Number>(-static_cast<Signed>(static_cast<Signed>(i) < static_cast<Signed>(count)));
    out = static_cast<Number>(out + (numbers[i] & keep));
  }
  return out;
}

}  // namespace

// How many bits are set in front of `place`: of tops, of groups in its top, of lines in its group, of words in its
// line. A template, so that each caller compiles it for the instructions it may use.
template <class Bits>
__attribute__((always_inline)) inline std::uint64_t RankedBits::count_by_levels(const Bits& bits, std::size_t place) {
  const std::size_t word = place / kWordBits, line = place / kLineBits, group = place / kGroupBits,
                    top = place / kTopBits;
  const std::size_t first_group = top * kGroupsPerTop, first_line = group * kLinesPerGroup,
                    first_word = line * kWordsPerLine;
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < top; i += kTopsAtOnce) {
    out += sum<kTopsAtOnce>(&bits.tops_[i], std::min(top - i, kTopsAtOnce));
  }
  out += sum<kGroupsPerTop>(&bits.groups_[first_group], group - first_group);
  out += sum<kLinesPerGroup>(&bits.lines_[first_line], line - first_line);
  const std::uint64_t below = (std::uint64_t{1} << (place % kWordBits)) - 1;
  const std::uint64_t* const words = &bits.words_[first_word];
  for (std::size_t i = 0; i < kWordsPerLine; ++i) {
    const std::uint64_t keep = first_word + i < word ? ~std::uint64_t{0} : first_word + i == word ? below : 0;
    out += static_cast<std::uint64_t>(std::popcount(words[i] & keep));
  }
  return out;
}

std::uint64_t RankedBits::count(const RankedBits& bits, std::size_t place) { return count_by_levels(bits, place); }

#if defined(__x86_64__)
__attribute__((target("popcnt,avx2"))) std::uint64_t RankedBits::count_avx2(const RankedBits& bits, std::size_t place) {
  return count_by_levels(bits, place);
}
#endif

RankedBits::Count RankedBits::fastest_count() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("popcnt") && __builtin_cpu_supports("avx2")) return count_avx2;
#endif
  return count;
}

void RankedBits::compact(std::span<std::uint32_t> places, std::uint32_t none) {
  std::vector<std::uint32_t> in_front(words_.size());
  std::uint32_t total = 0;
  for (std::size_t word = 0; word < words_.size(); ++word) {
    in_front[word] = total;
    total += static_cast<std::uint32_t>(std::popcount(words_[word]));
  }
  for (std::uint32_t& place : places) {
    if (place == none) continue;
    const std::uint64_t below = (std::uint64_t{1} << (place % kWordBits)) - 1;
    place = in_front[place / kWordBits] + static_cast<std::uint32_t>(std::popcount(words_[place / kWordBits] & below));
  }
  std::fill(words_.begin(), words_.end(), 0);
  std::fill(lines_.begin(), lines_.end(), 0);
  std::fill(groups_.begin(), groups_.end(), 0);
  std::fill(tops_.begin(), tops_.end(), 0);
  set(0, total);
}

}  // namespace kv
