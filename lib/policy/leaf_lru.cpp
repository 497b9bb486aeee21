#include "policy/handle_queue.hpp"
#include "policy/policy_cache.hpp"
#include "policy/rank_heap.hpp"
#include "policy/rows.hpp"

namespace kv {
namespace {

/// Blocks without resident children leave, the one that was used longest ago first; a parent may follow its last child
/// at once. Where no block is ever dropped or expires, touching tail to head makes this the order of LRU.
class LeafLruPolicy {
 public:
  explicit LeafLruPolicy(std::uint64_t) {}
  void grow(Handle handles) {
    links_.resize(handles);
    nodes_.resize(handles);
    bared_.grow(handles);
  }
  void insert(Handle block, const Place& place) {
    Node& node = nodes_[block];
    node.resident = true;
    node.parent = place.parent;
    if (place.parent != kNoHandle) ++nodes_[place.parent].children;
    queue_.push(links_, block);
    node.used = clock_++;
  }
  void touch(Handle block, const Place&) {
    queue_.renew(links_, block);
    nodes_[block].used = clock_++;
  }
  void erase(Handle block, std::uint32_t) { leave(block); }
  bool remembers(Handle block) const { return nodes_[block].children != 0; }

  template <class Residents, class Take>
  void evict(const Residents& residents, const Take& take) {
    // Everything older than `next` is pinned, has children, or is in bared_: passed when it had children, but the last
    // of them left since.
    Handle next = queue_.oldest();
    for (bool more = true; more;) {
      while (next != kNoHandle && !free(residents, next)) next = links_[next].newer;
      Handle block = next;
      if (!bared_.empty()) {
        block = bared_.lowest();
        bared_.remove(block);
      } else if (next == kNoHandle) {
        return;
      } else {
        next = links_[next].newer;
      }
      const Handle parent = nodes_[block].parent;
      leave(block);
      more = take(block);
      const bool passed = parent != kNoHandle && nodes_[parent].resident &&
                          (next == kNoHandle || nodes_[parent].used < nodes_[next].used);
      if (passed && free(residents, parent)) bared_.insert(parent, {nodes_[parent].used, 0});
    }
    while (!bared_.empty()) bared_.remove(bared_.lowest());
  }

 private:
  struct Node {
    Handle parent = kNoHandle;
    std::uint32_t children = 0;  // that are resident
    std::uint64_t used = 0;
    bool resident = false;
  };

  template <class Residents>
  bool free(const Residents& residents, Handle block) const {
    return nodes_[block].children == 0 && !residents.pinned(block);
  }
  void leave(Handle block) {
    Node& node = nodes_[block];
    if (node.parent != kNoHandle) --nodes_[node.parent].children;
    node.resident = false;
    queue_.remove(links_, block);
  }

  Links links_;
  std::vector<Node> nodes_;
  HandleQueue queue_;
  RankHeap bared_;
  std::uint64_t clock_ = 0;
};

}  // namespace

PolicyRow leaf_lru_row() {
  return {
      .name = "leaf-lru",
      .summary = "of the blocks without stored children the one used longest ago leaves first, as in a radix tree",
      .source = "RadixAttention of Zheng et al. (SGLang), NeurIPS 2024",
      .remembers = true,
      .make = make_cache<LeafLruPolicy>,
  };
}

}  // namespace kv
