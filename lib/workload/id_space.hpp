#pragma once
#include <cstdint>

#include "base/random.hpp"
#include "workload/workload.hpp"

namespace kv {

/// Keeps the ids of several copies or inputs apart, without remembering any: space i of n gives id * n + i, so that
/// small ids stay small and dense. Ids for which that would reach 2^63 are hashed into the upper half of the 64 bits;
/// two of a million of those collide once in 2 * 10^7 workloads.
class IdSpaces {
 public:
  explicit IdSpaces(std::uint64_t spaces) : spaces_(spaces) {}
  BlockId id(std::uint64_t space, BlockId id) const {
    if (spaces_ == 1) return id;
    constexpr std::uint64_t kUpper = std::uint64_t{1} << 63;
    if (id < kUpper / spaces_) return id * spaces_ + space;
    return mix64(space, id) | kUpper;
  }

 private:
  std::uint64_t spaces_;
};

}  // namespace kv
