#pragma once
#include <array>
#include <optional>
#include <span>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "curve/recency_stack.hpp"
#include "policy/handle_index.hpp"

namespace kv {

/// A share of all blocks, chosen by hash: those whose place on the ring of 2^64 hashes lies in a stretch of `rate` that
/// begins at `slice` of `slices`. Slices of one seed do not overlap while rate <= 1 / slices, so that machines can
/// share the work.
struct BlockSample {
  double rate = 0.01;  ///< above 0, at most 1
  std::uint64_t seed = 1;
  std::uint32_t slice = 0, slices = 1;
  std::size_t max_blocks = std::size_t{1} << 20;  ///< held at once; the rate sinks where there would be more
};
Result<void> check_sample(const BlockSample& sample);

/// A hit rate with the half-width of its 95 % interval.
struct EstimatedHits {
  double block_hit_rate = 0, token_hit_rate = 0, block_error = 0, token_error = 0;
};

/// The LRU curve of a stream, estimated from a sample of its blocks in fixed memory (SHARDS: Waldspurger et al., FAST
/// 2015): a sampled block at position d of the sample's own LRU stack stands near d / rate of all. What the sample has
/// too many or too few references of is taken to be hits at the shortest distance (their SHARDS-adj), so that hot
/// blocks, like a system prompt's, do not decide by being in the sample or not.
///
/// The error is a statement about both sources: the spread over 16 parts of the sample, which are as good as
/// independent, and the distance's own error of one in the square root of the sampled blocks within it, times the
/// curve's slope there. Ancestors stand above descendants as in the whole, so that hits are contiguous here, too. Not
/// thread-safe. At most kMostBytesPerBlock a sampled block.
class SampledCurve {
 public:
  static constexpr std::size_t kMostBytesPerBlock = 100;  ///< that is sampled
  explicit SampledCurve(const BlockSample& sample);

  /// A request: ids from the head on; `input` of its tokens, in blocks of `block_size`.
  void add(std::span<const BlockId> ids, Tokens input, Tokens block_size);

  /// Asked after the last request.
  EstimatedHits at(Blocks capacity) const;
  double rate() const { return rate_; }  ///< at the end
  std::uint64_t sampled_blocks() const { return held(); }
  std::uint64_t sampled_refs() const { return sampled_refs_; }
  std::uint64_t block_refs() const { return refs_; }
  std::uint64_t input_tokens() const { return tokens_; }
  /// About how many different blocks there are in all.
  double unique_blocks() const { return static_cast<double>(held()) / rate_; }

 private:
  static constexpr std::size_t kParts = 16;
  static constexpr int kSteps = 256;  // bins an octave of distance
  struct Weight {
    double blocks = 0, tokens = 0;
  };
  using Parts = std::array<Weight, kParts>;

  std::size_t held() const { return names_.size() - free_.size(); }
  bool sampled(BlockId id) const { return mix64(seed_ ^ id) - begin_ <= last_; }
  void choose(std::span<const BlockId> ids);
  void number_chosen();
  void count(std::size_t index, std::optional<std::uint64_t> position, Tokens tokens);
  DenseId free_number();
  void thin();
  std::vector<Weight> hit_rates(double capacity) const;  // by part

  BlockSample sample_;
  double rate_;
  std::uint64_t seed_;          // the sample's, mixed
  std::uint64_t begin_, last_;  // of the stretch: begin_ .. begin_ + last_ on the ring
  RecencyStack stack_;
  struct Name {
    std::uint64_t block = 0, space = 0;
    bool operator==(const Name&) const = default;
  };
  HandleIndex<Name> numbers_;
  std::vector<BlockId> names_;  // by number
  std::vector<DenseId> free_;   // numbers that were given up
  std::vector<Parts> bins_;     // by distance: references found there, each worth what it stands for
  Parts missed_{};              // found nowhere
  std::uint64_t refs_ = 0, tokens_ = 0, sampled_refs_ = 0;
  std::vector<BlockId> chosen_;  // of the request at hand
  std::vector<DenseId> chosen_numbers_;
};

}  // namespace kv
