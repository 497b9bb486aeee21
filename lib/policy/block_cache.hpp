#pragma once
#include <cassert>
#include <memory>
#include <vector>

#include "policy/policy.hpp"

namespace kv {

/// The eviction protocol, as a pure data structure; local:, device:, the engine's own cache and the planner use it.
///
/// A request's blocks are pinned while it is in flight. When it ends, victims for all its new blocks are chosen at
/// once among unpinned blocks, then all its blocks are inserted or touched tail to head, so that an ancestor is never
/// older than its descendants. If the request exceeds the capacity, or pins leave no room, only the leading new
/// blocks that fit are stored. The capacity, in units of the caller's choice, is never exceeded.
///
/// With admission after the K-th use, every request is a use of each of its blocks, stored or not, and a block that
/// came to K is stored whenever it is missing; uses are forgotten only as UseCounts says.
///
/// The policy is a template argument of the one implementation (policy_cache.hpp); what is virtual is called once a
/// request. Made by PolicyRow::make. Not thread-safe. Memory: 8 bytes a handle, plus the policy's.
class BlockCache {
 public:
  explicit BlockCache(const CacheOptions& options) : options_(options), entries_(options.handles) {}
  virtual ~BlockCache() = default;
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  bool resident(Handle block) const { return block < entries_.size() && entries_[block].weight != 0; }
  /// Pins a resident block for one more request.
  void pin(Handle block) {
    assert(resident(block));
    if (entries_[block].pins++ == 0) pinned_ += entries_[block].weight;
  }
  /// Lets go of one pin.
  void unpin(Handle block) {
    assert(resident(block) && entries_[block].pins > 0);
    if (--entries_[block].pins == 0) pinned_ -= entries_[block].weight;
  }
  /// Removes a block that is resident and not pinned by others (a put that failed).
  virtual void drop(Handle block) = 0;

  /// One request's view of admit(), each span with an element a block. blocks[0] begins the prompt.
  struct Ended {
    std::span<const Handle> blocks;
    std::span<const std::uint32_t> weights;  ///< each at least 1
    /// In: this request pinned it (then it is resident). Out: it is pinned now, as is every resident block of the
    /// request and every block that was inserted: unpin them when the request lets go.
    std::span<std::uint8_t> pinned;
    std::span<std::uint8_t> accepted;  ///< out: it is new and was inserted
  };
  /// Ends a request. Evicted handles are appended to `victims`.
  virtual void admit(const Ended& request, std::vector<Handle>& victims) = 0;

  struct Served {
    std::uint32_t hits = 0;      ///< the longest run of leading blocks that were there
    std::uint32_t inserted = 0;  ///< blocks that were stored
  };
  /// A whole request while no other is in flight: look up, admit, let go; every block weighs 1. `now` is when it came,
  /// never before the one in front of it. Whatever is older than a ttl leaves first, at its next request's coming at
  /// the latest: the fixed one counts from when a block was inserted, the sliding one from when it was last inserted or
  /// touched, and an age of exactly the ttl still lives.
  virtual Served serve(std::span<const Handle> blocks, Duration now = Duration(0)) = 0;

  /// Whether this handle still means something here: it is resident, or its history can change what comes. Until then
  /// it must not be given to another block.
  virtual bool remembers(Handle block) const = 0;

  std::uint64_t capacity() const { return options_.capacity; }
  std::uint64_t used() const { return used_; }
  std::uint64_t insertions() const { return insertions_; }
  std::uint64_t evictions() const { return evictions_; }
  std::uint64_t expirations() const { return expirations_; }

 protected:
  struct Entry {
    std::uint32_t weight = 0;  // 0: not resident
    std::uint32_t pins = 0;
  };
  CacheOptions options_;
  std::uint64_t used_ = 0, pinned_ = 0, insertions_ = 0, evictions_ = 0, expirations_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace kv
