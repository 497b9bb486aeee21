#pragma once
#include "workload/distinct.hpp"
#include "workload/read.hpp"

namespace kv {

/// What a streamed trace adds up to, in bounded memory. Not thread-safe.
class TraceFigures {
 public:
  void add(const TraceLine& line) {
    if (requests_++ == 0) first_ = line.at;
    last_ = line.at;
    input_tokens_ += line.input.count();
    block_refs_ += line.ids.size();
    for (const BlockId id : line.ids) unique_.add(id);
  }
  std::uint64_t requests() const { return requests_; }
  std::uint64_t input_tokens() const { return input_tokens_; }
  std::uint64_t block_refs() const { return block_refs_; }
  std::uint64_t unique_blocks() const { return unique_.count(); }
  Duration span() const { return last_ - first_; }
  /// Every reference but the first to a block is a hit of a cache that never evicts: a known block has known ancestors.
  double ideal_block_hit_rate() const {
    if (block_refs_ == 0 || unique_.count() >= block_refs_) return 0;
    return static_cast<double>(block_refs_ - unique_.count()) / static_cast<double>(block_refs_);
  }

 private:
  std::uint64_t requests_ = 0, input_tokens_ = 0, block_refs_ = 0;
  Duration first_{}, last_{};
  DistinctCount unique_;
};

/// How far `part` is from `whole`.
SampleError sample_error(const TraceFigures& whole, const TraceFigures& part);

}  // namespace kv
