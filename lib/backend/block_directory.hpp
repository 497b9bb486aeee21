#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "backend/arena.hpp"
#include "backend/arena_layout.hpp"
#include "backend/backend.hpp"
#include "backend/key_index.hpp"
#include "policy/named_cache.hpp"

namespace kv {

/// One value in the arena. Its granules are Entry::granules[first_granule...].
struct StoredPart {
  std::array<std::byte, ValueHeader::kBytes> header;
  std::size_t body_bytes = 0;
  std::size_t first_granule = 0;
  bool begun = false;
};

struct BlockEntry {
  enum class State : std::uint8_t {
    vacant,
    named,      ///< looked at by the admit that runs just now
    pending,    ///< admitted; its one writer is still putting parts
    complete,   ///< all parts are there; immutable while anyone holds it
    abandoned,  ///< its writer gave up while others hold it; leaves with the last of them
  };
  Key key;
  State state = State::vacant;
  std::uint32_t holders = 0;  ///< leases that have it pinned
  std::uint32_t max_granules = 0, parts_stored = 0;
  std::vector<StoredPart> parts;
  std::vector<Granule> granules;
};

/// What is in an arena and what has to leave: names, the eviction protocol and the free list in one. Bytes are not
/// moved here. Not thread-safe; entries stay where they are, so that what a lease pins can be read without a lock.
class BlockDirectory {
 public:
  BlockDirectory(const ArenaLayout& layout, const PolicyRow& policy, std::uint32_t admit);

  /// These three as in Session; `lease.state` and `lease.handles` are kept by this class.
  void acquire(std::span<const BlockRef> blocks, Lease& lease);
  void admit(Lease& lease, std::vector<bool>& accepted);
  void finish(Lease& lease);

  /// The entry of block `index` if the lease may read it, or may write it; else null.
  const BlockEntry* readable(const Lease& lease, std::size_t index) const;
  BlockEntry* writable(const Lease& lease, std::size_t index);
  /// Gives the part its place: nullptr if it has one already, or is larger than the block announced.
  StoredPart* begin_part(BlockEntry& entry, std::uint32_t part, std::size_t body_bytes);
  /// After the bytes are in place: the last part makes the block complete.
  void end_part(BlockEntry& entry);

  std::uint64_t insertions() const { return insertions_; }
  std::uint64_t evictions() const { return cache_.evictions(); }
  std::uint64_t used_granules() const { return heap_.used(); }

 private:
  enum LeaseState : std::uint8_t { kHeld = 1, kWanted = 2 };

  Handle name(const Key& key);
  void forget(Handle handle);
  void name_blocks(const Lease& lease);
  void settle(Lease& lease, std::vector<bool>& accepted);

  ArenaLayout layout_;
  NamedCache<Key> cache_;
  KeyIndex index_;
  GranuleHeap heap_;
  std::vector<std::unique_ptr<BlockEntry>> entries_;
  std::vector<Handle> vacant_;
  std::uint64_t insertions_ = 0;
  // Of admit, kept for their memory: the request's blocks, each once.
  std::vector<std::uint32_t> position_;
  std::vector<Handle> handles_, victims_;
  std::vector<Key> names_;
  std::vector<std::uint32_t> weights_;
  std::vector<std::uint8_t> pinned_, accepted_;
};

}  // namespace kv
