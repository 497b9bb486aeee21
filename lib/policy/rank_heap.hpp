#pragma once
#include <compare>
#include <cstdint>
#include <vector>

#include "policy/policy.hpp"

namespace kv {

/// Blocks by rank, the lowest first; a binary heap that knows where each block stands, so that ranks can change.
/// O(log n) each; 24 bytes a block in it and 4 a handle.
class RankHeap {
 public:
  /// `order` decides among equal values and is unique.
  struct Rank {
    std::uint64_t value = 0, order = 0;
    auto operator<=>(const Rank&) const = default;  // NOLINT(modernize-use-nullptr): false here
  };

  void grow(Handle handles) { at_.resize(handles, kNoHandle); }
  bool empty() const { return heap_.empty(); }
  Handle lowest() const { return heap_.front().block; }
  Rank lowest_rank() const { return heap_.front().rank; }
  bool contains(Handle block) const { return at_[block] != kNoHandle; }
  Rank rank(Handle block) const { return heap_[at_[block]].rank; }

  void insert(Handle block, Rank rank) {
    heap_.push_back({rank, block});
    rise(heap_.size() - 1, heap_.back());
  }
  void change(Handle block, Rank rank) {
    const std::size_t at = at_[block];
    settle(at, {rank, block});
  }
  void remove(Handle block) {
    const std::size_t at = at_[block];
    at_[block] = kNoHandle;
    const Item last = heap_.back();
    heap_.pop_back();
    if (last.block != block) settle(at, last);
  }

 private:
  struct Item {
    Rank rank;
    Handle block;
  };
  void put(std::size_t at, const Item& item) {
    heap_[at] = item;
    at_[item.block] = static_cast<Handle>(at);
  }
  void settle(std::size_t at, const Item& item) {
    if (at > 0 && item.rank < heap_[(at - 1) / 2].rank) return rise(at, item);
    sink(at, item);
  }
  void rise(std::size_t at, const Item item) {
    for (; at > 0 && item.rank < heap_[(at - 1) / 2].rank; at = (at - 1) / 2) put(at, heap_[(at - 1) / 2]);
    put(at, item);
  }
  void sink(std::size_t at, const Item item) {
    for (std::size_t child = 2 * at + 1; child < heap_.size(); child = 2 * at + 1) {
      if (child + 1 < heap_.size() && heap_[child + 1].rank < heap_[child].rank) ++child;
      if (!(heap_[child].rank < item.rank)) break;
      put(at, heap_[child]);
      at = child;
    }
    put(at, item);
  }

  std::vector<Item> heap_;
  std::vector<Handle> at_;
};

}  // namespace kv
