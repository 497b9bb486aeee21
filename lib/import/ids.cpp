#include "import/ids.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>

#include "base/random.hpp"

namespace kv {

BlockId chained_id(std::optional<BlockId> parent, BlockId own, Tokens tokens) {
  const std::array<std::uint64_t, 4> parts{parent.has_value(), parent.value_or(0), own, tokens.count()};
  return XXH3_64bits(parts.data(), sizeof parts) >> 1;
}

Result<BlockId> IdKeeper::keep(std::optional<BlockId> parent, BlockId own, Tokens tokens) {
  const std::uint64_t use = mix64(mix64(parent.has_value(), parent.value_or(0)), tokens.count());
  const IdIndex::Known known = index_.find(own);
  if (known.dense == IdIndex::kNone) {
    if (uses_.size() >= IdIndex::kNone) {
      return error(Code::bad_input, "more than 4,294,967,294 distinct ids", "use --ids chain, which remembers none");
    }
    index_.insert(own, {static_cast<DenseId>(uses_.size()), IdIndex::kNone});
    uses_.push_back(use);
    return own;
  }
  if (uses_[known.dense] == use) return own;
  ++replaced_;
  return chained_id(parent, own, tokens);
}

Result<std::span<const BlockId>> IdKeeper::apply(std::span<const BlockId> ids, Tokens input) {
  if (mode_ == IdMode::made) return ids;
  out_.clear();
  std::optional<BlockId> parent;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Tokens tokens = std::min(block_size_, input - i * block_size_);
    const Result<BlockId> id =
        mode_ == IdMode::keep ? keep(parent, ids[i], tokens) : chained_id(parent, ids[i], tokens);
    if (!id) return error(id);
    out_.push_back(*id);
    parent = *id;
  }
  return std::span<const BlockId>(out_);
}

}  // namespace kv
