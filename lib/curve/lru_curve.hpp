#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "base/units.hpp"
#include "curve/recency_stack.hpp"
#include "workload/workload.hpp"

namespace kv {

/// What a cache of one size serves of a workload, by the protocol of policy/block_cache.hpp.
struct CacheHits {
  std::uint64_t requests_with_hit = 0, block_hits = 0;
  std::uint64_t token_hits = 0;  ///< min(hit blocks x block size, input) a request
  std::uint64_t insertions = 0, evictions = 0;
  friend bool operator==(const CacheHits&, const CacheHits&) = default;
};

/// The hits of LRU caches of every size, exactly, in one pass over the requests (RecencyStack). Requests larger than a
/// cache, of which it stores the leading blocks only, are exact as well: its contents are the top of the stack always.
/// 29 bytes a unique block. Not thread-safe while it is built.
class LruCurve {
 public:
  explicit LruCurve(std::size_t max_blocks);

  /// `input` is the request's prompt: its last block may have fewer tokens than `block_size`.
  void add(const Request& request, Tokens block_size);
  /// After the last request: sums up. at() may be asked from then on.
  void finish();

  CacheHits at(Blocks capacity) const;
  /// From this size on nothing more is hit.
  Blocks largest_distance() const { return Blocks(largest_); }
  std::uint64_t unique_blocks() const { return stack_.size(); }

  void prefetch(const Request& request) const { stack_.prefetch(request.blocks); }
  void prefetch_bits(const Request& request) const { stack_.prefetch_bits(request.blocks); }

 private:
  struct Place {
    std::uint64_t blocks = 0;   // found there (while building: the difference to the place above)
    std::uint64_t lacking = 0;  // tokens that the last blocks of prompts among them lack to the block size
    std::uint64_t firsts = 0;   // first blocks of prompts among them
  };
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
  LargeVector<Place> places_;  // by position; after finish: sums of all positions up to this one
  std::array<Found, kPending> pending_{};
  std::size_t noted_ = 0;
  std::vector<std::uint64_t> sizes_;        // requests by number of blocks
  std::vector<std::uint64_t> refs_within_;  // by capacity up to the longest request: sum of min(blocks, capacity)
  std::uint64_t largest_ = 0;
};

LruCurve lru_curve(const Workload& workload);

}  // namespace kv
