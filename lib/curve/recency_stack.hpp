#pragma once
#include <algorithm>
#include <cassert>
#include <cstdint>
#include <span>

#include "curve/dead_slots.hpp"
#include "workload/large_vector.hpp"
#include "workload/workload.hpp"

namespace kv {

/// The LRU stack of all blocks under the protocol of policy/block_cache.hpp: who stands how far from the top (Mattson
/// et al. 1970). A request's blocks are touched tail to head, so that an ancestor always stands above its descendants
/// and the blocks that a request finds at positions <= C are exactly the prefix that an LRU cache of C blocks holds.
///
/// Every touch takes the next slot of a line, and the block's slot before it dies: a block's position is the number of
/// slots alive from its own on. Blocks that were touched together stand together, as a run, and one query serves the
/// run. When the line is full, slots are numbered anew. 4.8 bytes a block. Not thread-safe.
class RecencyStack {
 public:
  /// Blocks are 0 <= id < max_blocks.
  explicit RecencyStack(std::size_t max_blocks);

  /// A run of `count` known blocks from blocks[index] on; the first stands at `position` >= 1, each further one lower.
  struct Run {
    std::size_t index, count;
    std::uint64_t position;
  };
  /// Serves a request, whose known blocks come before its new ones: calls on_run for each run, from the head on, with
  /// positions as they were before the request; then puts all its blocks on top.
  template <class OnRun>
  void touch(std::span<const DenseId> blocks, OnRun&& on_run);

  /// Takes a block out of the stack.
  void erase(DenseId block);
  bool contains(DenseId block) const { return slots_[block] != kNone; }
  std::uint64_t size() const { return size_; }

  /// Starts the loads that touching these will wait for.
  void prefetch(std::span<const DenseId> blocks) const {
    for (const DenseId block : blocks.first(std::min<std::size_t>(blocks.size(), 4))) {
      __builtin_prefetch(&slots_[block]);
    }
  }
  /// The same, once the above have arrived.
  void prefetch_slots(std::span<const DenseId> blocks) const {
    const Slot slot = slots_[blocks.front()];
    if (slot != kNone) dead_.prefetch(slot);
  }

 private:
  using Slot = std::uint32_t;
  static constexpr Slot kNone = UINT32_MAX;
  void push(std::span<const DenseId> blocks);

  LargeVector<Slot> slots_;  // by block: its last one
  DeadSlots dead_;
  std::uint64_t size_ = 0;
  std::size_t next_ = 0;  // the first free slot
};

template <class OnRun>
void RecencyStack::touch(std::span<const DenseId> blocks, OnRun&& on_run) {
  std::size_t known = 0;
  while (known < blocks.size()) {
    const Slot slot = slots_[blocks[known]];
    if (slot == kNone) break;
    std::size_t count = 1;
    while (known + count < blocks.size() && slots_[blocks[known + count]] + count == slot) ++count;
    // The `known` blocks in front stood above this one; their slots are dead by now, but behind its own.
    on_run(Run{known, count, size_ - (slot - dead_.before(slot))});
    dead_.kill(slot + 1 - count, count);
    known += count;
  }
  size_ += blocks.size() - known;
  push(blocks);
}

}  // namespace kv
