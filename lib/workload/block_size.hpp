#pragma once
#include <optional>
#include <span>

#include "base/result.hpp"
#include "base/units.hpp"

namespace kv {

/// The block sizes B with ceil(input / B) = blocks: an interval, empty where lo > hi.
struct BlockSizes {
  static constexpr std::uint64_t kUnlimited = UINT64_MAX;
  std::uint64_t lo = 1, hi = kUnlimited;

  bool empty() const { return lo > hi; }
  bool contains(Tokens size) const { return lo <= size.count() && size.count() <= hi; }
  /// The only value, or else the only power of two.
  std::optional<Tokens> choice() const;
};
/// ceil(input / B) = n  <=>  (n - 1) B < input <= n B.
BlockSizes sizes_that_fit(Tokens input, std::size_t blocks);
/// "512", "564 to 610", "700 or more"
std::string to_string(const BlockSizes& sizes);

/// Narrows the block size down, line by line: every request must fit. Errors carry no place; the caller knows it.
class BlockSizeFit {
 public:
  BlockSizeFit() = default;
  explicit BlockSizeFit(std::optional<Tokens> given) : given_(given) {}

  /// Fails (bad_input) if no block size fits this request and all that were taken before.
  Result<void> check(Tokens input, std::size_t blocks) const;
  /// Takes a request that `check` let pass.
  void take(std::uint64_t line, Tokens input, std::size_t blocks);
  /// What was given or follows from the requests taken; fails (bad_input) where it is ambiguous.
  Result<Tokens> choice() const;

 private:
  std::optional<Tokens> given_;
  BlockSizes sizes_;
  std::uint64_t lo_line_ = 0, hi_line_ = 0;  // that set the ends of the interval
};

/// What the most requests agree on, for inputs where some lines are wrong. Fails (bad_input) where that is ambiguous.
Result<Tokens> majority_block_size(std::span<const BlockSizes> requests);

}  // namespace kv
