#include "profile/prompt_tree.hpp"

#include <algorithm>
#include <cassert>

namespace kv {

std::uint32_t PromptTree::make_interval(const Interval& interval) {
  if (free_ == kRoot) {
    intervals_.push_back(interval);
    return static_cast<std::uint32_t>(intervals_.size() - 1);
  }
  const std::uint32_t made = free_;
  free_ = intervals_[made].next;
  intervals_[made] = interval;
  return made;
}

std::uint32_t PromptTree::add(std::uint32_t parent, std::uint32_t first_depth, std::uint32_t last_depth,
                              std::uint32_t owner) {
  assert(last_depth >= first_depth && first_depth >= 1);
  const std::uint32_t interval = make_interval({last_depth, owner, kRoot});
  runs_.push_back({next_id_, first_depth, last_depth, parent, interval});
  next_id_ += last_depth - first_depth + 1;
  return static_cast<std::uint32_t>(runs_.size() - 1);
}

std::uint32_t PromptTree::at_depth(std::uint32_t run, std::uint32_t depth) const {
  while (runs_[run].first > depth) run = runs_[run].parent;
  return run;
}

std::uint32_t PromptTree::owner(std::uint32_t run, std::uint32_t depth) const {
  std::uint32_t i = runs_[run].top;
  while (intervals_[i].last < depth) i = intervals_[i].next;
  return intervals_[i].owner;
}

void PromptTree::touch(std::uint32_t run, std::uint32_t depth, std::uint32_t owner, PrefixStack& stack) {
  for (run = at_depth(run, depth); run != kRoot; run = runs_[run].parent) {
    Run& touched = runs_[run];
    const std::uint32_t end = std::min(depth, touched.last);
    while (touched.top != kRoot) {
      Interval& top = intervals_[touched.top];
      const std::uint32_t lost = std::min(top.last, end);
      if (lost > stack.taken(top.owner)) stack.take(top.owner, lost);
      if (top.last > end) break;
      const std::uint32_t gone = touched.top;
      touched.top = top.next;
      intervals_[gone].next = free_;
      free_ = gone;
      if (lost == end) break;
    }
    const std::uint32_t below = touched.top;
    depth = touched.first - 1;
    const std::uint32_t interval = make_interval({end, owner, below});
    runs_[run].top = interval;
  }
}

void PromptTree::ids(std::uint32_t run, std::uint32_t depth, std::vector<BlockId>& out) const {
  out.resize(depth);
  std::uint32_t end = depth;
  for (run = at_depth(run, depth); run != kRoot; run = runs_[run].parent) {
    const Run& part = runs_[run];
    for (std::uint32_t d = part.first; d <= end; ++d) out[d - 1] = part.first_id + (d - part.first);
    end = part.first - 1;
  }
}

}  // namespace kv
