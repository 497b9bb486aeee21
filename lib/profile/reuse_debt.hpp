#pragma once
#include <cstdint>
#include <vector>

#include "profile/fitted_profile.hpp"

namespace kv {

/// What the curve still owes: for each capacity of a ReuseTable, the hits that the requests so far should have had in a
/// cache of that size, less those that they had. Not thread-safe.
class ReuseDebt {
 public:
  /// `table` must outlive it; `blocks` are those of each request that will come.
  ReuseDebt(const ReuseTable& table, const std::vector<std::uint32_t>& blocks);

  /// A request of `blocks` blocks, the next in order, adds to what is owed.
  void owe(std::uint32_t request, std::uint32_t blocks);
  /// Hits that no cache may lack, less those that were: over all sizes.
  double total() const { return owed_.empty() ? 0 : owed_.back(); }

  /// The largest error of the curve so far, and of its end, in units of their tolerances.
  double error(std::uint64_t refs) const;
  /// A candidate's hits are told run by run, at rising or falling positions from..to.
  void begin() { gain_.assign(gain_.size(), 0); }
  void add(std::uint32_t from, std::uint32_t to);
  /// Sum of the squares of what would be owed after it.
  double after() const;
  void settle();

 private:
  const ReuseTable& table_;
  std::uint32_t requests_;
  std::vector<std::vector<double>> rates_;  // hits a block reference, up to each capacity, of each part
  std::vector<double> owed_;
  std::vector<std::uint32_t> gain_;  // hits by bin, of the candidate
};

}  // namespace kv
