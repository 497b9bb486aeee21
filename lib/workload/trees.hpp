#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "base/random.hpp"
#include "workload/workload.hpp"

namespace kv {

/// Prefix trees: behind the run of blocks that all requests begin with (a system prompt) each first block is the root
/// of a tree. Those who sample or copy a workload take whole trees, so that sharing inside of them stays.

/// How many leading blocks all requests have in common. Ids of either kind; memory is that of the first request's.
template <class Id>
class CommonRun {
 public:
  void add(std::span<const Id> blocks) {
    if (!started_) common_.assign(blocks.begin(), blocks.end());
    started_ = true;
    const auto end = std::mismatch(common_.begin(), common_.end(), blocks.begin(), blocks.end());
    common_.erase(end.first, common_.end());
  }
  /// Until a request came there is no bound.
  std::size_t size() const { return started_ ? common_.size() : SIZE_MAX; }

 private:
  bool started_ = false;
  std::vector<Id> common_;
};

/// Where a request's root stands. A request that is nothing but the common run is a tree of its own.
inline std::size_t root_index(std::size_t common, std::size_t blocks) { return std::min(common, blocks - 1); }

/// A share of all trees, by the hash of their root. A smaller share of the same seed has no tree that a larger one
/// lacks.
class TreeShare {
 public:
  /// 0 <= share <= 1.
  TreeShare(double share, std::uint64_t seed)
      : all_(share >= 1), limit_(all_ ? 0 : static_cast<std::uint64_t>(std::ldexp(share, 64))), seed_(seed) {}
  bool has(BlockId root) const { return all_ || mix64(seed_, root) < limit_; }

 private:
  bool all_;
  std::uint64_t limit_, seed_;
};

}  // namespace kv
