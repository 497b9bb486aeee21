#pragma once
#include <span>
#include <vector>

#include "workload/workload.hpp"

namespace kv {

/// Regroups blocks of `from` tokens into objects of `to` tokens: what a connector stores.
///
/// Larger objects: an object has the id of its last block, which names everything before it, so that the ids of a
/// prompt become a part of them; the last, partial object has one of its own as Mooncake's partial blocks have.
/// Smaller ones: made from the block's id and the place within it, which keeps what is shared and cannot find more.
/// Not thread-safe.
class Regrouper {
 public:
  /// A trace line must stay readable (Line::kMaxBytes).
  static constexpr std::size_t kMaxObjects = 2'500'000;

  /// Fails (bad_input) unless one is a multiple of the other.
  static Result<Regrouper> make(Tokens from, Tokens to);

  /// The result lives until the next call. Fails (bad_input) at more than kMaxObjects.
  Result<std::span<const BlockId>> apply(std::span<const BlockId> blocks, Tokens input);

 private:
  Regrouper(Tokens from, Tokens to) : from_(from), to_(to) {}
  Tokens from_, to_;
  std::vector<BlockId> out_;
};

}  // namespace kv
