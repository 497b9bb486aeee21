#pragma once
#include <algorithm>

#include "workload/workload.hpp"

namespace kv {

/// How many blocks of each request were seen in those before it: what a cache that never evicts would serve. Ids are
/// numbered as they appear, so known ones are below the count so far, and stand in front of the new ones.
class KnownBlocks {
 public:
  /// Asked once for each request, in order.
  std::size_t of(const Request& request) {
    const auto fresh =
        std::partition_point(request.blocks.begin(), request.blocks.end(), [this](DenseId id) { return id < unique_; });
    const auto known = static_cast<std::size_t>(fresh - request.blocks.begin());
    unique_ += request.blocks.size() - known;
    return known;
  }
  std::uint64_t unique() const { return unique_; }

 private:
  std::uint64_t unique_ = 0;
};

/// Tokens that `blocks` leading blocks of a request spare.
inline std::uint64_t hit_tokens(const Request& request, std::uint64_t blocks, Tokens block_size) {
  return std::min(blocks * block_size.count(), request.input.count());
}

}  // namespace kv
