#include "prefill/least_squares.hpp"

#include <algorithm>
#include <cmath>

namespace kv {

void NonNegativeFit::add(const Row& row, double weight) {
  for (std::size_t i = 0; i < kTerms; ++i) {
    for (std::size_t j = 0; j < kTerms; ++j) products_[i][j] += weight * row[i] * row[j];
    right_[i] += weight * row[i];
  }
  rows_ += weight;
}

std::optional<NonNegativeFit::Solution> NonNegativeFit::on_support(unsigned support) const {
  constexpr double kSingular = 1e-13;  // of a pivot, beside the diagonal before elimination: columns that are one
  std::array<std::size_t, kTerms> at{};
  std::size_t n = 0;
  for (std::size_t i = 0; i < kTerms; ++i) {
    if ((support >> i & 1U) != 0) at[n++] = i;
  }
  // Columns scaled to length 1, then Gauss-Jordan; a positive definite matrix needs no exchange of rows.
  std::array<std::array<double, kTerms + 1>, kTerms> m{};
  Row length{};
  for (std::size_t i = 0; i < n; ++i) {
    length[i] = std::sqrt(products_[at[i]][at[i]]);
    if (!(length[i] > 0)) return std::nullopt;
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) m[i][j] = products_[at[i]][at[j]] / (length[i] * length[j]);
    m[i][kTerms] = right_[at[i]] / length[i];
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (!(m[i][i] > kSingular)) return std::nullopt;
    const double pivot = m[i][i];
    for (double& value : m[i]) value /= pivot;
    for (std::size_t r = 0; r < n; ++r) {
      if (r == i) continue;
      const double factor = m[r][i];
      for (std::size_t j = 0; j <= kTerms; ++j) m[r][j] -= factor * m[i][j];
    }
  }
  Solution out;
  out.squares = rows_;
  for (std::size_t i = 0; i < n; ++i) {
    const double x = m[i][kTerms];
    if (!(x >= 0)) return std::nullopt;
    out.x[at[i]] = x / length[i];
    out.squares -= x * right_[at[i]] / length[i];  // b'b - x'A'b at the optimum
  }
  out.squares = std::max(0.0, out.squares);
  return out;
}

std::optional<NonNegativeFit::Solution> NonNegativeFit::solve(unsigned allowed) const {
  std::optional<Solution> best;
  for (unsigned support = 1; support < 1U << kTerms; ++support) {
    if ((support & ~allowed) != 0) continue;
    const auto found = on_support(support);
    if (found && (!best || found->squares < best->squares)) best = found;
  }
  return best;
}

}  // namespace kv
