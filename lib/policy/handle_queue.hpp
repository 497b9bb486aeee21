#pragma once
#include <cstdint>
#include <vector>

#include "policy/policy.hpp"

namespace kv {

/// Of each handle, its neighbours in the one queue that it stands in.
struct QueueLinks {
  Handle older = kNoHandle, newer = kNoHandle;
};
using Links = std::vector<QueueLinks>;

/// A queue from oldest to newest, threaded through `links`, which several queues may share as long as no handle stands
/// in two of them. All operations O(1).
class HandleQueue {
 public:
  Handle oldest() const { return oldest_; }
  Handle newest() const { return newest_; }
  bool empty() const { return oldest_ == kNoHandle; }

  void push(Links& links, Handle block) {
    links[block] = {newest_, kNoHandle};
    (newest_ == kNoHandle ? oldest_ : links[newest_].newer) = block;
    newest_ = block;
  }
  void remove(Links& links, Handle block) {
    const QueueLinks at = links[block];
    (at.older == kNoHandle ? oldest_ : links[at.older].newer) = at.newer;
    (at.newer == kNoHandle ? newest_ : links[at.newer].older) = at.older;
  }
  /// Makes it the newest.
  void renew(Links& links, Handle block) {
    if (block == newest_) return;
    remove(links, block);
    push(links, block);
  }

 private:
  Handle oldest_ = kNoHandle, newest_ = kNoHandle;
};

/// A queue that knows what its members weigh together.
struct WeighedQueue : HandleQueue {
  std::uint64_t weight = 0;

  void push(Links& links, Handle block, std::uint32_t block_weight) {
    HandleQueue::push(links, block);
    weight += block_weight;
  }
  void remove(Links& links, Handle block, std::uint32_t block_weight) {
    HandleQueue::remove(links, block);
    weight -= block_weight;
  }
};

}  // namespace kv
