#pragma once
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

/// Looks for ids with two parents in a sample of all ids, in bounded memory: those whose hash is below a threshold that
/// begins at 1/64 and halves whenever `max_ids` are held (spatial sampling: Waldspurger et al., FAST 2015).
/// Not thread-safe.
class ParentSample {
 public:
  explicit ParentSample(std::size_t max_ids = 1 << 18) : max_ids_(max_ids) {}

  /// Fails as WorkloadBuilder::add does; duplicates are found always, second parents among the sampled ids.
  /// On success remembers the parents.
  Result<void> add(std::span<const BlockId> ids);

 private:
  std::size_t max_ids_;
  std::uint64_t threshold_ = UINT64_MAX / 64;
  std::unordered_map<BlockId, std::optional<BlockId>> parents_;
  std::vector<std::size_t> sampled_;  // indices into the request at hand
  std::vector<BlockId> scratch_;
};

}  // namespace kv
