#pragma once
#include <bit>
#include <cstddef>
#include <vector>

namespace kv {

/// Of a fixed number of values, which is the smallest: a complete binary tree of minima. Changing one and asking for
/// the smallest are O(log n). Of equal ones the first counts, so that a simulation is the same every time. Not
/// thread-safe.
template <class T>
class MinTree {
 public:
  MinTree(std::size_t size, T value) : leaves_(std::bit_ceil(size + (size == 0))), size_(size) {
    nodes_.assign(2 * leaves_, value);
  }

  std::size_t size() const { return size_; }
  T value(std::size_t index) const { return nodes_[leaves_ + index]; }
  /// Of all values.
  T min() const { return nodes_[1]; }

  void set(std::size_t index, T value) {
    std::size_t node = leaves_ + index;
    nodes_[node] = value;
    while (node > 1) {
      node /= 2;
      const T smaller = nodes_[2 * node + 1] < nodes_[2 * node] ? nodes_[2 * node + 1] : nodes_[2 * node];
      if (nodes_[node] == smaller) return;
      nodes_[node] = smaller;
    }
  }

  /// Where the first of the smallest is; size() > 0. Leaves beyond size() hold what they were made with and stand
  /// behind all others, so that one of them is found only if it is smaller: make the tree with the largest value.
  std::size_t first() const {
    std::size_t node = 1;
    while (node < leaves_) {
      node *= 2;
      if (nodes_[node + 1] < nodes_[node]) ++node;
    }
    return node - leaves_;
  }

 private:
  std::size_t leaves_, size_;
  std::vector<T> nodes_;  // 1 is the root, 2n and 2n + 1 are under n
};

}  // namespace kv
