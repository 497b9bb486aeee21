#pragma once
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "workload/large_vector.hpp"
#include "workload/workload.hpp"

namespace kv {

/// The LRU stack: a Fenwick tree over slots, of which every touch takes the next one.
class LruPositions {
 public:
  explicit LruPositions(std::size_t max_blocks) : slots_(max_blocks, kNone), tree_(2 * max_blocks + 1025, 0) {}
  struct Run {
    std::size_t index, count;
    std::uint64_t position;
  };
  template <class OnRun>
  void touch(std::span<const DenseId> blocks, OnRun&& on_run) {
    if (next_ + blocks.size() >= tree_.size()) renumber(blocks.size());
    std::size_t known = 0;
    for (; known < blocks.size() && slots_[blocks[known]] != kNone; ++known) {
      const std::uint32_t slot = slots_[blocks[known]];
      on_run(Run{known, 1, size_ - before(slot)});
      add(slot, UINT32_MAX);
    }
    size_ += blocks.size() - known;
    for (std::size_t i = blocks.size(); i-- > 0;) {
      slots_[blocks[i]] = static_cast<std::uint32_t>(next_);
      add(next_++, 1);
    }
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  void add(std::size_t slot, std::uint32_t delta) {
    for (std::size_t i = slot + 1; i < tree_.size(); i += i & (~i + 1)) tree_[i] += delta;
  }
  std::uint64_t before(std::size_t slot) const {
    std::uint32_t sum = 0;
    for (std::size_t i = slot; i > 0; i &= i - 1) sum += tree_[i];
    return sum;
  }
  void renumber(std::size_t room) {
    std::vector<std::pair<std::uint32_t, DenseId>> order;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i] != kNone) order.emplace_back(slots_[i], static_cast<DenseId>(i));
    }
    std::sort(order.begin(), order.end());
    tree_.assign(std::max(tree_.size(), order.size() + room + 1024), 0);
    next_ = 0;
    for (const auto& [slot, block] : order) {
      slots_[block] = static_cast<std::uint32_t>(next_);
      add(next_++, 1);
    }
  }
  LargeVector<std::uint32_t> slots_, tree_;
  std::size_t next_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace kv
