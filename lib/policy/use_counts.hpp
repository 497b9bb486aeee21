#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "policy/policy.hpp"

namespace kv {

/// How often each block was used, in bounded memory: uses are counted in generations of `keys` different blocks each.
/// A block that was used in neither this generation nor the one before is forgotten, so that at least the last `keys`
/// and at most twice as many different blocks are known. Not thread-safe; 4 bytes a handle.
class UseCounts {
 public:
  static constexpr std::uint32_t kMostUses = 255;  // counted no further

  explicit UseCounts(std::uint64_t keys) : keys_(std::max<std::uint64_t>(keys, 1)) {}

  void grow(Handle handles) { cells_.resize(handles, 0); }
  /// Counts one use more, and returns how many there were.
  std::uint32_t use(Handle block) {
    std::uint32_t& cell = cells_[block];
    const std::uint32_t uses = std::min(count(cell) + 1, kMostUses);
    if (cell >> 8 != generation_) begin_block();
    cell = generation_ << 8 | uses;
    return uses;
  }
  bool remembers(Handle block) const { return block < cells_.size() && count(cells_[block]) != 0; }

 private:
  std::uint32_t count(std::uint32_t cell) const { return (cell >> 8) + 1 >= generation_ ? cell & 0xff : 0; }
  void begin_block() {
    if (++used_ <= keys_) return;
    used_ = 1;
    if (++generation_ < (1U << 24)) return;
    for (std::uint32_t& cell : cells_) cell = count(cell) == 0 ? 0 : cell - ((generation_ - 2) << 8);
    generation_ = 2;
  }

  std::uint64_t keys_, used_ = 0;  // different blocks in this generation
  std::uint32_t generation_ = 2;
  std::vector<std::uint32_t> cells_;  // generation of the last use, 24 bits, and uses, 8 bits
};

}  // namespace kv
