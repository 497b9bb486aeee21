#include "stats/reuse.hpp"

#include "curve/lru_curve.hpp"
#include "stats/known.hpp"

namespace kv {
namespace {

/// Ages ascend along a prefix, as a block is used whenever one behind it is: equal ones stand together.
void add_intervals(const Request& request, std::size_t known, const LargeVector<Duration>& last, Histogram& intervals) {
  for (std::size_t i = 0; i < known;) {
    const Duration used = last[request.blocks[i]];
    std::size_t end = i + 1;
    while (end < known && last[request.blocks[end]] == used) ++end;
    intervals.record(static_cast<std::uint64_t>((request.at - used).count()), end - i);
    i = end;
  }
}

void add_uses(const Workload& workload, Reuse& out) {
  LargeVector<Duration> last(workload.unique_blocks());
  LargeVector<std::uint32_t> uses(workload.unique_blocks());
  KnownBlocks known_blocks;
  Histogram intervals, counts;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    add_intervals(request, known_blocks.of(request), last, intervals);
    for (const DenseId block : request.blocks) {
      last[block] = request.at;
      ++uses[block];
    }
  }
  for (const std::uint32_t count : uses) {
    counts.record(count);
    out.one_shot_blocks += count == 1;
  }
  out.interval_ns = spread_of(intervals);
  out.uses = spread_of(counts);
}

void add_distances(const Workload& workload, Reuse& out) {
  RecencyStack stack(workload.unique_blocks());
  Histogram distances;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    stack.touch(workload[i].blocks, [&distances](const RecencyStack::Run& run) {
      for (std::size_t b = 0; b < run.count; ++b) distances.record(run.position + b);
    });
  }
  out.distance_blocks = spread_of(distances);
}

void add_lru(const Workload& workload, Reuse& out) {
  const LruCurve curve = lru_curve(workload);
  for (std::uint64_t capacity = 1;; capacity *= 2) {
    const SimulationResult hits = curve.at(Blocks(capacity));
    out.lru.push_back({Blocks(capacity), hits.block_hits, hits.token_hits});
    if (capacity >= workload.unique_blocks()) return;
  }
}

}  // namespace

Reuse reuse_of(const Workload& workload, std::span<const Duration> ttls) {
  Reuse out;
  add_uses(workload, out);
  add_distances(workload, out);
  add_lru(workload, out);
  out.ttl = sliding_ttl_hits(workload, ttls);
  return out;
}

std::vector<Duration> usual_ttls(Duration span) {
  using std::chrono::hours;
  using std::chrono::minutes;
  using std::chrono::seconds;
  std::vector<Duration> out;
  for (const Duration ttl : {Duration(seconds(10)), Duration(seconds(30)), Duration(minutes(1)), Duration(minutes(2)),
                             Duration(minutes(5)), Duration(minutes(10)), Duration(minutes(30)), Duration(hours(1)),
                             Duration(hours(3)), Duration(hours(6)), Duration(hours(12)), Duration(hours(24)),
                             Duration(hours(24 * 3)), Duration(hours(24 * 7)), Duration(hours(24 * 30))}) {
    out.push_back(ttl);
    if (ttl >= span) break;
  }
  return out;
}

}  // namespace kv
