#pragma once
#include <span>

#include "workload/workload.hpp"

namespace kv {

/// BlockId -> DenseId and parent, insert only. A trace that numbers its blocks from 0 is served by a table indexed by
/// the id itself; ids too large for that are hashed (open addressing, at most 5/8 full). At most 64 bytes an id; not
/// thread-safe.
class IdIndex {
 public:
  static constexpr DenseId kNone = UINT32_MAX;

  struct Known {
    DenseId dense = kNone;   ///< kNone: not there
    DenseId parent = kNone;  ///< kNone: begins its prompts
  };
  Known find(BlockId id) const {
    if (id < direct_.size() && direct_[id].dense != kNone) return direct_[id];
    return hashed_ == 0 ? Known() : find_hashed(id);
  }
  /// Starts the loads that finding these ids will wait for.
  void prefetch(std::span<const BlockId> ids) const;
  /// `id` is not there yet; known.dense is not kNone.
  void insert(BlockId id, Known known);
  /// Room for this many ids from 0 on; no memory is touched.
  void reserve(std::size_t ids) { direct_.reserve(ids); }

 private:
  struct Slot {
    BlockId id;
    Known known;
  };
  Known find_hashed(BlockId id) const;
  void insert_hashed(BlockId id, Known known);
  void grow_hashed();

  LargeVector<Known> direct_;
  LargeVector<Slot> slots_;  // a power of two of them, or none
  std::size_t size_ = 0, hashed_ = 0;
};

}  // namespace kv
