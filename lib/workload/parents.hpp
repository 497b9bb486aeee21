#pragma once
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "workload/workload.hpp"

namespace kv {

/// The first id that occurs twice, if any. Free for ascending ids, which is how most traces number their blocks.
std::optional<BlockId> first_duplicate(std::span<const BlockId> ids, std::vector<BlockId>& scratch);

tl::unexpected<Error> duplicate_id(BlockId id);
/// ids[index] does not follow `before` (nullopt: begin the prompt), as it did earlier in the trace.
tl::unexpected<Error> parent_conflict(std::span<const BlockId> ids, std::size_t index, std::optional<BlockId> before);

tl::unexpected<Error> length_conflict(BlockId id, Tokens input, Tokens before);

/// An id that ends one prompt, of `input` tokens in `blocks` blocks, while another prompt goes on behind it: its block
/// is full, so that `input` must be a whole number of blocks. `line`: where the second of the two was seen.
struct FullBlock {
  BlockId id = 0;
  std::uint64_t blocks = 0;
  Tokens input;
  std::uint64_t line = 0;
};
tl::unexpected<Error> size_conflict(const FullBlock& block);

/// Holds full blocks to the block size; while that is not known, remembers what they ask of it. Not thread-safe; memory
/// grows with the number of different block sizes that are asked for.
class FullBlocks {
 public:
  explicit FullBlocks(std::optional<Tokens> block_size) : block_size_(block_size) {}

  /// Fails (bad_input) if the block is not full at the block size, or, while that is not known, at any.
  Result<void> check(const FullBlock& block) const;
  /// Takes what `check` let pass.
  void take(const FullBlock& block);
  /// The first line that was taken while the block size was not known, and is wrong now that it is.
  std::optional<FullBlock> first_wrong(Tokens block_size) const;

 private:
  std::optional<Tokens> block_size_;
  std::map<std::uint64_t, FullBlock> asked_;  // by block size
};

/// Looks for ids with two parents or two sizes in a sample of all ids, in bounded memory: those whose hash is below a
/// threshold that begins at 1/64 and halves whenever `max_ids` are held (spatial sampling: Waldspurger et al., FAST
/// 2015). Not thread-safe.
class ParentSample {
 public:
  explicit ParentSample(std::optional<Tokens> block_size = std::nullopt, std::size_t max_ids = 1 << 18)
      : max_ids_(max_ids), full_(block_size) {}

  /// Fails as WorkloadBuilder::add does; duplicates are found always, second parents and sizes among the sampled ids.
  /// On success remembers them.
  Result<void> add(std::span<const BlockId> ids, Tokens input, std::uint64_t line = 0);
  const FullBlocks& full_blocks() const { return full_; }

 private:
  struct Seen {
    std::optional<BlockId> parent;
    Tokens ended;         // input of a prompt that ended in it; 0: none did
    bool inside = false;  // a prompt went on behind it
  };
  Result<void> check(const Seen& seen, std::span<const BlockId> ids, std::size_t index, Tokens input,
                     std::uint64_t line);

  std::size_t max_ids_;
  std::uint64_t threshold_ = UINT64_MAX / 64;
  std::unordered_map<BlockId, Seen> seen_;
  FullBlocks full_;
  std::vector<std::size_t> sampled_;  // indices into the request at hand of which something is to be remembered
  std::vector<FullBlock> full_here_;
  std::vector<BlockId> scratch_;
};

}  // namespace kv
