#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/units.hpp"
#include "policy/block_cache.hpp"
#include "policy/handle_index.hpp"
#include "workload/workload.hpp"

namespace kv {

/// An LRU cache of blocks by name, with the eviction protocol of BlockCache, that knows who stored each. Not
/// thread-safe. Memory: at most 80 bytes for each block that it holds or that its longest request has, so that a
/// capacity that is never reached costs nothing.
class TierCache {
 public:
  explicit TierCache(Blocks capacity);

  struct Served {
    std::uint32_t hits = 0;      ///< the longest run of leading blocks that were there
    std::uint32_t inserted = 0;  ///< blocks that were stored
  };
  /// A whole request, looked up and admitted; no id occurs twice in it. What is inserted belongs to `owner`.
  Served serve(std::span<const BlockId> ids, std::uint32_t owner);

  // Of the last serve().
  std::span<const std::uint32_t> hit_owners() const { return hit_owners_; }  ///< of each hit, who stored it
  std::span<const BlockId> inserted() const { return inserted_; }
  std::span<const BlockId> evicted() const { return evicted_; }

 private:
  struct Key {
    std::uint64_t space, block;
    bool operator==(const Key&) const = default;
  };
  struct Named {
    BlockId id;
    std::uint32_t owner;
  };
  Handle take_handle();

  Blocks capacity_;
  std::unique_ptr<BlockCache> cache_;
  HandleIndex<Key> index_;    // of residents
  std::vector<Named> named_;  // by handle
  std::vector<Handle> free_;
  // Of serve, kept for their memory.
  std::vector<Handle> handles_, victims_;
  std::vector<std::uint32_t> ones_, hit_owners_;
  std::vector<std::uint8_t> pinned_, accepted_;
  std::vector<BlockId> inserted_, evicted_;
};

}  // namespace kv
