#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/units.hpp"
#include "workload/workload.hpp"

namespace kv {

/// Ids as they are taken: 0, 1, 2 ...
class IdCounter {
 public:
  BlockId take(std::uint64_t count) {
    const BlockId first = next_;
    next_ += count;
    return first;
  }
  std::uint64_t taken() const { return next_; }

 private:
  BlockId next_ = 0;
};

/// A prompt that grows at its end. Its full blocks are kept as runs of consecutive ids, so that a conversation of many
/// thousand blocks weighs 16 bytes a turn. The block at the end that is not full yet has no id: each prompt that is
/// sent gives it one of its own, since a later prompt holds more in its place.
class Prompt {
 public:
  std::uint64_t tokens() const { return tokens_; }
  std::size_t runs() const { return runs_.size(); }

  /// Tokens that no other prompt has at this place.
  void add_own(std::uint64_t tokens, std::uint64_t block_size, IdCounter& ids);
  /// Tokens that every prompt with the same text before them shares: `first` is the id of the first block that they
  /// fill, kUnnamed until a prompt was the first to have them. They have one length.
  static constexpr BlockId kUnnamed = UINT64_MAX;
  void add_shared(std::uint64_t tokens, std::uint64_t block_size, BlockId& first, IdCounter& ids);

  /// The ids of this prompt as it is sent now, tokens() > 0.
  void write_ids(std::uint64_t block_size, IdCounter& ids, std::vector<BlockId>& out) const;
  /// Empty again; keeps little memory.
  void clear();

 private:
  struct Run {
    BlockId first;
    std::uint64_t count;
  };
  void add_blocks(BlockId first, std::uint64_t count);

  std::uint64_t tokens_ = 0;
  std::vector<Run> runs_;
};

}  // namespace kv
