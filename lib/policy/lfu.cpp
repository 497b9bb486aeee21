#include "policy/handle_queue.hpp"
#include "policy/policy_cache.hpp"
#include "policy/rows.hpp"

namespace kv {
namespace {

/// Blocks by how often they were used since they were stored (storing is the first use; a block that comes back starts
/// again), and by recency among equals. One queue a count, of which those that are not empty are chained in order, so
/// that everything is O(1) (Shah, Mitra, Matani 2010). Beyond kMostUses uses are not told apart.
class LfuPolicy {
 public:
  explicit LfuPolicy(std::uint64_t) : levels_(2) {}
  void grow(Handle handles) {
    links_.resize(handles);
    uses_.resize(handles);
  }
  void insert(Handle block, const Place&) { enter(block, 1, 0); }
  void touch(Handle block, const Place&) {
    const std::uint32_t uses = uses_[block];
    if (uses == kMostUses) return levels_[uses].queue.renew(links_, block);
    levels_[uses].queue.remove(links_, block);
    enter(block, uses + 1, uses);
    close_if_empty(uses);
  }
  void erase(Handle block, std::uint32_t) {
    levels_[uses_[block]].queue.remove(links_, block);
    close_if_empty(uses_[block]);
  }
  bool remembers(Handle) const { return false; }

  template <class Residents, class Take>
  void evict(const Residents& residents, const Take& take) {
    bool more = true;
    for (std::uint32_t uses = levels_[0].next; more && uses != 0;) {
      const std::uint32_t next_uses = levels_[uses].next;
      for (Handle block = levels_[uses].queue.oldest(); more && block != kNoHandle;) {
        const Handle next = links_[block].newer;
        if (!residents.pinned(block)) {
          levels_[uses].queue.remove(links_, block);
          more = take(block);
        }
        block = next;
      }
      close_if_empty(uses);
      uses = next_uses;
    }
  }

 private:
  static constexpr std::uint32_t kMostUses = 1 << 20;
  struct Level {
    HandleQueue queue;
    std::uint32_t previous = 0, next = 0;  // levels that are not empty; level 0, always empty, closes the ring
  };

  /// `below`: the nearest level that is in the chain, or 0.
  void enter(Handle block, std::uint32_t uses, std::uint32_t below) {
    if (uses >= levels_.size()) levels_.resize(std::min<std::size_t>(levels_.size() * 2, kMostUses + 1));
    Level& level = levels_[uses];
    if (level.queue.empty()) {
      level.previous = below;
      level.next = levels_[below].next;
      levels_[level.next].previous = uses;
      levels_[below].next = uses;
    }
    level.queue.push(links_, block);
    uses_[block] = uses;
  }
  void close_if_empty(std::uint32_t uses) {
    const Level& level = levels_[uses];
    if (!level.queue.empty()) return;
    levels_[level.previous].next = level.next;
    levels_[level.next].previous = level.previous;
  }

  Links links_;
  std::vector<std::uint32_t> uses_;
  std::vector<Level> levels_;
};

}  // namespace

PolicyRow lfu_row() {
  return {
      .name = "lfu",
      .summary = "the block used least often since it was stored leaves first, of those the one used longest ago",
      .source = "Shah, Mitra, Matani 2010",
      .make = make_cache<LfuPolicy>,
  };
}

}  // namespace kv
