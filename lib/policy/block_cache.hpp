#pragma once
#include <memory>

#include "policy/policy.hpp"

namespace kv {

/// The eviction protocol, as a pure data structure; local:, device:, the engine's own cache and the planner use it.
///
/// A request's blocks are pinned while it is in flight. When it ends, victims for all its new blocks are chosen at
/// once among unpinned blocks, then all its blocks are inserted or touched tail to head, so that an ancestor is never
/// older than its descendants. If the request exceeds the capacity, or pins leave no room, only the leading new
/// blocks that fit are stored. The capacity, in units of the caller's choice, is never exceeded.
///
/// Not thread-safe. Memory: 16 bytes a handle in use, plus the policy's.
class BlockCache {
 public:
  BlockCache(std::uint64_t capacity, std::unique_ptr<Policy> policy);

  bool resident(Handle block) const { return block < entries_.size() && entries_[block].weight != 0; }
  /// Pins a resident block for one more request.
  void pin(Handle block);
  /// Lets go of one pin.
  void unpin(Handle block);
  /// Removes a block that is resident and not pinned by others (a put that failed).
  void drop(Handle block);

  /// Ends a request. `weights[i]` >= 1 is that of blocks[i]; `pinned[i]` says that this request pinned it (then it is
  /// resident). Every resident block of the request, and every block that is inserted, is pinned when this returns,
  /// and `pinned` says so: unpin them when the request lets go. Evicted handles are appended to `victims`.
  /// accepted[i] != 0: blocks[i] is new and was inserted.
  void admit(std::span<const Handle> blocks, std::span<const std::uint32_t> weights, std::span<std::uint8_t> pinned,
             std::span<std::uint8_t> accepted, std::vector<Handle>& victims);

  std::uint64_t capacity() const { return capacity_; }
  std::uint64_t used() const { return used_; }
  std::uint64_t insertions() const { return insertions_; }
  std::uint64_t evictions() const { return evictions_; }

 private:
  struct Entry {
    std::uint32_t weight = 0;  // 0: not resident
    std::uint32_t pins = 0;
  };
  void evict_for(std::uint64_t need, std::vector<Handle>& victims);

  std::uint64_t capacity_, used_ = 0, pinned_ = 0, insertions_ = 0, evictions_ = 0;
  std::vector<Entry> entries_;
  std::unique_ptr<Policy> policy_;
};

}  // namespace kv
