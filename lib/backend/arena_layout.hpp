#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "backend/arena.hpp"
#include "backend/backend.hpp"

namespace kv {

/// How blocks are weighed and cut into granules, so that the arena holds whatever the BlockCache admits.
struct ArenaLayout {
  std::size_t granule_bytes = 0;
  Granule granules = 0;
  std::uint64_t capacity = 0;        ///< of the BlockCache: granules, or blocks where blocks are counted
  std::uint32_t parts = 1;           ///< values per block
  std::size_t part_granules = 0;     ///< that no value needs more of
  std::uint32_t block_granules = 0;  ///< of every block where blocks are counted, else 0: as many as its bytes need

  /// Granules that suffice for `bytes` however they are spread over the parts.
  std::uint32_t granules_for(std::size_t bytes) const;
  std::uint32_t granules_of(const BlockRef& block) const {
    return block_granules != 0 ? block_granules : granules_for(block.bytes);
  }
  std::uint32_t weight_of(const BlockRef& block) const { return block_granules != 0 ? 1 : granules_of(block); }
};

/// Granules are a power of two from 64 bytes to 2 MiB: the largest of which a body takes at least 16 (so that rounding
/// wastes about 3 % of it), or, up to 4 KiB, one that bodies of the largest size fill exactly. Where that makes more
/// than 64 Mi of them they grow, up to 4 KiB or a whole body.
///
/// `capacity` in bytes, or `blocks` where given; the arena is no larger than `needs` can fill (unique_blocks 0: not
/// known). Fails (bad_input) if not one block fits, or if the arena would be larger than `available`.
Result<ArenaLayout> plan_arena(const std::string& scheme, Bytes capacity, std::optional<std::uint64_t> blocks,
                               const Needs& needs, Bytes available);

}  // namespace kv
