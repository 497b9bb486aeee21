#pragma once
#include <optional>
#include <span>
#include <vector>

#include "workload/workload.hpp"

namespace kv {

/// What arrived within one bin of time, and what a cache that never evicts would have served of it.
struct Bin {
  std::uint64_t requests = 0, input_tokens = 0, output_tokens = 0;
  std::uint64_t block_refs = 0, block_hits = 0, token_hits = 0;
  std::uint64_t working_set_blocks = 0;  ///< different blocks touched within the bin
  std::uint64_t unique_blocks = 0;       ///< different blocks up to its end
};
/// Bins of equal length from the first request on, without a gap; the last may reach beyond the trace.
struct Series {
  Duration width{};
  std::vector<Bin> bins;
  double peak_to_mean = 0;  ///< requests of the busiest bin / of the mean one
  double dispersion = 0;    ///< variance / mean of the requests in a bin: 1 for a Poisson process
};
inline constexpr std::size_t kMostBins = 20'000;
/// Bins that would be more than kMostBins are made longer, by a whole factor. `width` > 0. 8 bytes a unique block.
Series series_of(const Workload& workload, Duration width);

/// Different blocks touched in windows of one length that follow one another.
struct WorkingSet {
  Duration window{};
  double mean_blocks = 0;
  std::uint64_t peak_blocks = 0;
};
/// For each window; those longer than the trace are left out, but for the shortest. Ascending windows.
std::vector<WorkingSet> working_sets_of(const Workload& workload, std::span<const Duration> windows);

/// Whether the hit rate of a cache that never evicts still rises at the end of the trace.
struct WarmUp {
  double third_quarter_block_hit_rate = 0, last_quarter_block_hit_rate = 0;  ///< quarters of the requests
  bool still_warming = false;  ///< the last quarter's is higher by more than kWarmUpRise
};
inline constexpr double kWarmUpRise = 0.02;
inline constexpr std::size_t kWarmUpRequests = 100;  ///< of fewer nothing is said
std::optional<WarmUp> warm_up_of(const Workload& workload);

}  // namespace kv
