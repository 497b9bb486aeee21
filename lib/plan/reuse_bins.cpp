#include "plan/reuse_bins.hpp"

#include <bit>
#include <cmath>

namespace kv {
namespace {

/// 0, 1, 2, ... for rising values: exact up to 2^bits, then 2^bits bins for each power of two.
constexpr std::size_t log_bin(std::uint64_t value, int bits) {
  const int shift = static_cast<int>(std::bit_width(value)) - 1 - bits;
  if (shift <= 0) return value;
  return (static_cast<std::size_t>(shift) << bits) + (value >> shift);
}

constexpr int kIntervalBits = 3, kDepthBits = 2;
constexpr std::size_t kIntervalBins = log_bin(UINT64_MAX, kIntervalBits) + 1;
constexpr std::size_t kDepthBins = log_bin(UINT32_MAX, kDepthBits) + 1;

/// Sums of what falls into a bin.
struct Sums {
  double reuses = 0, interval_ns = 0, blocks_before = 0;
};

}  // namespace

WorkloadReuse reuse_of_blocks(const Workload& workload) {
  std::vector<Sums> sums(kIntervalBins * kDepthBins);
  LargeVector<Duration> last(workload.unique_blocks());
  std::uint64_t seen = 0;  // ids are dense in the order of their first use
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    for (std::size_t b = 0; b < request.blocks.size(); ++b) {
      const DenseId id = request.blocks[b];
      if (id < seen) {
        const auto interval = static_cast<std::uint64_t>((request.at - last[id]).count());
        Sums& bin = sums[log_bin(interval, kIntervalBits) * kDepthBins + log_bin(b, kDepthBits)];
        bin.reuses += 1;
        bin.interval_ns += static_cast<double>(interval);
        bin.blocks_before += static_cast<double>(b);
      } else {
        seen = std::uint64_t{id} + 1;
      }
      last[id] = request.at;
    }
  }
  WorkloadReuse out;
  out.last_uses = static_cast<double>(workload.unique_blocks());
  const auto block = static_cast<double>(workload.block_size().count());
  for (const Sums& bin : sums) {
    if (bin.reuses <= 0) continue;
    const double before = bin.blocks_before / bin.reuses * block;
    out.bins.push_back(
        {bin.interval_ns / bin.reuses / 1e9, Tokens(static_cast<std::uint64_t>(std::llround(before))), bin.reuses});
  }
  return out;
}

}  // namespace kv
