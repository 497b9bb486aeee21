#pragma once
#include <optional>
#include <vector>

#include "stats/spread.hpp"
#include "workload/workload.hpp"

namespace kv {

/// Blocks of the prefix tree that the same requests go through, from where others leave to where they part.
struct SharedPrefix {
  BlockId last_block = 0;          ///< of the prefix, as the trace names it
  std::uint64_t depth_blocks = 0;  ///< of the whole prefix, from the beginning of the prompt
  std::uint64_t blocks = 0;        ///< that it adds to the shared prefix in front of it
  std::uint64_t uses = 0;          ///< requests that go through it
  std::uint64_t saved_tokens = 0;  ///< (uses - 1) x tokens of `blocks`: what a cache that never evicts saves with them
};
/// Requests whose ideal hit is at most so many blocks long, and longer than the row before.
struct DepthBin {
  std::uint64_t up_to_blocks = 0;
  std::uint64_t requests = 0, block_hits = 0;
};

/// Who shares which beginning with whom.
struct Sharing {
  std::uint64_t common_blocks = 0;  ///< that every request begins with
  std::uint64_t trees = 0;          ///< first blocks behind those
  std::optional<Spread> requests_per_tree;
  std::optional<Spread> hit_blocks;       ///< of a request, from a cache that never evicts
  std::vector<DepthBin> depths;           ///< 0, 1, 2, 4, 8 ...
  std::uint64_t branching_blocks = 0;     ///< blocks that are followed by different ones
  std::uint64_t leaf_blocks = 0;          ///< that are followed by none
  std::optional<Spread> children;         ///< of the blocks that are followed by any
  std::optional<Spread> branching_depth;  ///< in blocks, of the branching ones
  std::vector<SharedPrefix> top;          ///< by saved tokens; what they save adds up, none is counted twice
};
/// 28 bytes a unique block.
Sharing sharing_of(const Workload& workload, std::size_t top);

enum class Isolate { tenant, session };
/// What is lost if each tenant (or session) has a cache of its own, that never evicts. Requests that name none are one
/// more.
struct Isolation {
  std::uint64_t tenants = 0;
  std::uint64_t block_hits = 0, token_hits = 0;
};
/// Nothing where the trace names none. 4 bytes a unique block, 32 for each further tenant that shares one.
std::optional<Isolation> isolation_of(const Workload& workload, Isolate by);

}  // namespace kv
