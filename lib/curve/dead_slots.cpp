#include "curve/dead_slots.hpp"

#include <algorithm>
#include <cassert>
#include <vector>

namespace kv {
namespace {

std::size_t round_up(std::size_t count, std::size_t to) { return (count / to + 1) * to; }

/// Row i: all ones behind place i.
template <class Number, std::size_t kPlaces>
constexpr auto make_behind() {
  std::array<std::array<Number, kPlaces>, kPlaces> rows{};
  for (std::size_t i = 0; i < kPlaces; ++i) {
    for (std::size_t k = i + 1; k < kPlaces; ++k) rows[i][k] = static_cast<Number>(~Number{0});
  }
  return rows;
}

/// Adds to all numbers of a node behind `place`. No branch depends on where that is.
template <class Number, std::size_t kPlaces>
void add_behind(Number* __restrict node, std::size_t place, std::uint32_t amount) {
  alignas(64) static constexpr auto kBehind = make_behind<Number, kPlaces>();
  const auto& mask = kBehind[place];
  const auto what = static_cast<Number>(amount);
  for (std::size_t k = 0; k < kPlaces; ++k) node[k] = static_cast<Number>(node[k] + (mask[k] & what));
}

}  // namespace

DeadSlots::DeadSlots(std::size_t size)
    : size_(size), words_(round_up(size / kWordBits + 1, kWords)), in_front_(words_.size()) {
  for (std::size_t nodes = words_.size() / kWords; nodes > 1; nodes = levels_[depth_++].size() / kChildren) {
    assert(depth_ < kMostLevels);
    levels_[depth_].resize(round_up(nodes - 1, kChildren));
  }
}

void DeadSlots::add(std::size_t word, std::uint32_t dead) {
  add_behind<std::uint16_t, kWords>(&in_front_[word / kWords * kWords], word % kWords, dead);
  std::size_t node = word / kWords;
  for (std::size_t level = 0; level < depth_; ++level, node /= kChildren) {
    add_behind<std::uint32_t, kChildren>(&levels_[level][node / kChildren * kChildren], node % kChildren, dead);
  }
}

void DeadSlots::compact(std::span<std::uint32_t> places, std::uint32_t none) {
  for (std::uint32_t& place : places) {
    if (place != none) place -= static_cast<std::uint32_t>(before(place));
  }
  std::fill(words_.begin(), words_.end(), 0);
  std::fill(in_front_.begin(), in_front_.end(), 0);
  for (auto& level : levels_) std::fill(level.begin(), level.end(), 0);
}

}  // namespace kv
