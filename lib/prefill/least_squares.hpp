#pragma once
#include <array>
#include <cstddef>
#include <optional>

namespace kv {

/// Least squares in at most four unknowns that must not be negative, from sums alone: rows can be added and taken away
/// again, so that leaving each of n points out costs no second pass.
class NonNegativeFit {
 public:
  static constexpr std::size_t kTerms = 4;
  using Row = std::array<double, kTerms>;

  /// A row of the design matrix whose right side is 1, `weight` times.
  void add(const Row& row, double weight = 1);

  struct Solution {
    Row x{};
    double squares = 0;  ///< of what is left
  };
  /// Of the unknowns in `allowed` (one bit each), the others are 0. Exact: the optimum is the unconstrained one of its
  /// own support, and all supports are tried (Lawson and Hanson 1974, chapter 23, for why). nullopt: no support has a
  /// solution, as without rows.
  std::optional<Solution> solve(unsigned allowed) const;

 private:
  std::optional<Solution> on_support(unsigned support) const;

  std::array<Row, kTerms> products_{};  // A'A
  Row right_{};                         // A'1
  double rows_ = 0;
};

}  // namespace kv
