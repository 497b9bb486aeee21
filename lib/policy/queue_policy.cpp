#include "policy/handle_queue.hpp"
#include "policy/policy_cache.hpp"
#include "policy/rows.hpp"

namespace kv {
namespace {

/// A queue from oldest to newest: LRU where a touch moves a block to the young end, FIFO where it does not.
template <bool kMoveOnTouch>
class QueuePolicy {
 public:
  explicit QueuePolicy(std::uint64_t) {}
  void grow(Handle handles) { links_.resize(handles); }
  void insert(Handle block, const Place&) { queue_.push(links_, block); }
  void touch(Handle block, const Place&) {
    if constexpr (kMoveOnTouch) queue_.renew(links_, block);
  }
  void erase(Handle block, std::uint32_t) { queue_.remove(links_, block); }
  bool remembers(Handle) const { return false; }

  template <class Residents, class Take>
  void evict(const Residents& residents, const Take& take) {
    Handle block = queue_.oldest();
    for (bool more = true; more && block != kNoHandle;) {
      const Handle next = links_[block].newer;
      if (!residents.pinned(block)) {
        queue_.remove(links_, block);
        more = take(block);
      }
      block = next;
    }
  }

 private:
  Links links_;
  HandleQueue queue_;
};

}  // namespace

PolicyRow lru_row() {
  return {
      .name = "lru",
      .summary = "the block that was used longest ago leaves first",
      .source = "Mattson et al. 1970",
      .make = make_cache<QueuePolicy<true>>,
  };
}

PolicyRow fifo_row() {
  return {
      .name = "fifo",
      .summary = "the block that was stored longest ago leaves first",
      .source = "Belady 1966",
      .make = make_cache<QueuePolicy<false>>,
  };
}

}  // namespace kv
