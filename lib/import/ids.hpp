#pragma once
#include <span>
#include <vector>

#include "workload/id_index.hpp"
#include "workload/workload.hpp"

namespace kv {

/// XXH3-64 of a block's own id, its length and the id in front of it: names a block and everything before it, however
/// the source names blocks. Below 2^63, so that readers with signed integers take it.
BlockId chained_id(std::optional<BlockId> parent, BlockId own, Tokens tokens);

/// What becomes of the ids of a source.
enum class IdMode {
  made,  ///< the importer made them itself: right by construction
  keep,  ///< kept where they have one parent and one size, as readers ask; replaced by chained ids where they have not
  chain  ///< all replaced by chained ids: takes no memory
};

/// Gives every id one parent and one size. `keep` holds about 40 bytes a distinct id: the first that uses an id has it.
/// Not thread-safe.
class IdKeeper {
 public:
  IdKeeper(IdMode mode, Tokens block_size) : mode_(mode), block_size_(block_size) {}

  /// `ids` of a prompt of `input` tokens, the last of which may be partial; the result lives until the next call.
  /// Fails (bad_input) at 2^32 - 1 distinct ids.
  Result<std::span<const BlockId>> apply(std::span<const BlockId> ids, Tokens input);
  std::uint64_t replaced() const { return replaced_; }  ///< block references, of `keep`

 private:
  Result<BlockId> keep(std::optional<BlockId> parent, BlockId own, Tokens tokens);

  IdMode mode_;
  Tokens block_size_;
  IdIndex index_;
  LargeVector<std::uint64_t> uses_;  // of each known id: a hash of its parent and size
  std::vector<BlockId> out_;
  std::uint64_t replaced_ = 0;
};

}  // namespace kv
