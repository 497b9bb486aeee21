#pragma once
#include <cstdint>
#include <vector>

#include "profile/prefix_stack.hpp"
#include "workload/workload.hpp"

namespace kv {

/// Generated prompts as a tree of runs of blocks, and for each run who touched what last: the depths of a run that one
/// request touched last are one interval, deeper ones are older. 24 bytes a request, 12 an interval. Not thread-safe.
class PromptTree {
 public:
  static constexpr std::uint32_t kRoot = UINT32_MAX;

  /// Makes a run of fresh ids from `first_depth` on, behind `parent` (kRoot: none), touched by `owner`.
  std::uint32_t add(std::uint32_t parent, std::uint32_t first_depth, std::uint32_t last_depth, std::uint32_t owner);
  /// The run in which the path that ends with `run` has its block at `depth`.
  std::uint32_t at_depth(std::uint32_t run, std::uint32_t depth) const;
  /// Who touched that block last. `run` holds it.
  std::uint32_t owner(std::uint32_t run, std::uint32_t depth) const;
  std::uint32_t last_depth(std::uint32_t run) const { return runs_[run].last; }

  /// Calls visit(owner, from, to) for each interval of the path down to `depth`; runs from the deepest up, intervals in
  /// a run from the shallowest down.
  template <class Visit>
  void owners(std::uint32_t run, std::uint32_t depth, const Visit& visit) const {
    for (run = at_depth(run, depth); run != kRoot; run = runs_[run].parent) {
      std::uint32_t from = runs_[run].first;
      for (std::uint32_t i = runs_[run].top; i != kRoot && from <= depth; i = intervals_[i].next) {
        visit(intervals_[i].owner, from, intervals_[i].last < depth ? intervals_[i].last : depth);
        from = intervals_[i].last + 1;
      }
      depth = runs_[run].first - 1;  // where it branches off its parent
    }
  }
  /// `owner` touches the path down to `depth`: `stack` learns who loses what.
  void touch(std::uint32_t run, std::uint32_t depth, std::uint32_t owner, PrefixStack& stack);
  /// The ids of the path, from the first block on.
  void ids(std::uint32_t run, std::uint32_t depth, std::vector<BlockId>& out) const;
  std::uint64_t blocks() const { return next_id_; }

 private:
  struct Run {
    BlockId first_id;
    std::uint32_t first, last, parent, top;
  };
  struct Interval {
    std::uint32_t last, owner, next;
  };
  std::uint32_t make_interval(const Interval& interval);

  std::vector<Run> runs_;
  std::vector<Interval> intervals_;
  std::uint32_t free_ = kRoot;
  BlockId next_id_ = 0;
};

}  // namespace kv
