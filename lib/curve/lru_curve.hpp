#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "base/units.hpp"
#include "curve/recency_stack.hpp"
#include "curve/simulate.hpp"
#include "workload/workload.hpp"

namespace kv {

/// The hits of LRU caches of every size, exactly, in one pass over the requests (RecencyStack). Requests larger than a
/// cache, of which it stores the leading blocks only, are exact as well: its contents are the top of the stack always.
/// 21 bytes a unique block. Not thread-safe while it is built.
class LruCurve {
 public:
  explicit LruCurve(std::size_t max_blocks);

  /// A request's blocks, and its prompt: the last block may have fewer tokens than `block_size`.
  void add(std::span<const DenseId> blocks, Tokens input, Tokens block_size);
  /// After the last request: sums up. at() may be asked from then on.
  void finish();

  SimulationResult at(Blocks capacity) const;
  /// From this size on nothing more is hit.
  Blocks largest_distance() const { return Blocks(largest_); }
  std::uint64_t unique_blocks() const { return stack_.size(); }

  void prefetch(std::span<const DenseId> blocks) const { stack_.prefetch(blocks); }
  void prefetch_slots(std::span<const DenseId> blocks) const { stack_.prefetch_slots(blocks); }

 private:
  /// Counts of 32 bits wrap around at 2^32 requests, which no workload in memory has.
  struct Place {
    std::uint64_t lacking = 0;  // tokens that the last blocks of prompts found there lack to the block size
    std::uint32_t more = 0;     // blocks found there, less those found at the place above; modulo 2^32
    std::uint32_t firsts = 0;   // first blocks of prompts found there
  };
  /// Of all places up to some one, and what is found at it.
  struct Sum {
    std::uint64_t blocks = 0, lacking = 0, firsts = 0;
    std::uint32_t here = 0;
    void add(const Place& place);
  };
  static constexpr std::size_t kPlacesPerSum = 64;
  /// What a run adds. Its places are far from any other's: they are loaded while the next runs are looked for.
  struct Found {
    std::uint64_t position = 0, count = 0, lacking = 0;
    bool first = false;
  };
  static constexpr std::size_t kPending = 32;
  void note(const Found& found);
  void count(const Found& found);

  RecencyStack stack_;
  Tokens block_size_;
  LargeVector<Place> places_;  // by position
  std::vector<Sum> sums_;      // of all in front of each kPlacesPerSum-th; made by finish
  std::array<Found, kPending> pending_{};
  std::size_t noted_ = 0;
  std::vector<std::uint64_t> sizes_;        // requests by number of blocks
  std::vector<std::uint64_t> refs_within_;  // by capacity up to the longest request: sum of min(blocks, capacity)
  std::uint64_t largest_ = 0, refs_ = 0;
};

LruCurve lru_curve(const Workload& workload);

}  // namespace kv
