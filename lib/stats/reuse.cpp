#include "stats/reuse.hpp"

#include "stats/known.hpp"
#include "stats/lru_positions.hpp"

namespace kv {
namespace {

/// Credits the points of one request in ascending order: those for which the hit ends somewhere, then all others.
template <class Point>
class Credit {
 public:
  Credit(std::vector<Point>& points, const Request& request, Tokens block_size)
      : points_(points), request_(request), block_size_(block_size) {}

  bool done() const { return next_ == points_.size(); }
  const Point& next() const { return points_[next_]; }
  void take(std::uint64_t blocks) {
    Served& hits = points_[next_++].hits;
    hits.block_hits += blocks;
    hits.token_hits += hit_tokens(request_, blocks, block_size_);
  }
  void take_rest(std::uint64_t blocks) {
    while (!done()) take(blocks);
  }

 private:
  std::vector<Point>& points_;
  const Request& request_;
  Tokens block_size_;
  std::size_t next_ = 0;
};

/// Ages ascend along a prefix, as a block is used whenever one behind it is.
void add_intervals(const Request& request, std::size_t known, const LargeVector<Duration>& last, Histogram& intervals,
                   Credit<TtlPoint> credit) {
  for (std::size_t i = 0; i < known;) {
    const Duration used = last[request.blocks[i]], age = request.at - used;
    std::size_t end = i + 1;
    while (end < known && last[request.blocks[end]] == used) ++end;
    intervals.record(static_cast<std::uint64_t>(age.count()), end - i);
    while (!credit.done() && credit.next().ttl < age) credit.take(i);
    i = end;
  }
  credit.take_rest(known);
}

void add_distances(const Request& request, LruPositions& stack, Histogram& distances, Credit<LruPoint> credit) {
  std::size_t known = 0;
  stack.touch(request.blocks, [&](const LruPositions::Run& run) {
    for (std::size_t i = 0; i < run.count; ++i) distances.record(run.position + i);
    while (!credit.done() && credit.next().capacity.count() < run.position + run.count - 1) {
      const std::uint64_t capacity = credit.next().capacity.count();
      credit.take(run.index + (capacity < run.position ? 0 : capacity - run.position + 1));
    }
    known = run.index + run.count;
  });
  credit.take_rest(known);
}

std::vector<LruPoint> powers_of_two(std::uint64_t up_to) {
  std::vector<LruPoint> out;
  for (std::uint64_t capacity = 1;; capacity *= 2) {
    out.push_back({Blocks(capacity), {}});
    if (capacity >= up_to) return out;
  }
}

}  // namespace

Reuse reuse_of(const Workload& workload, std::span<const Duration> ttls) {
  Reuse out;
  for (const Duration ttl : ttls) out.ttl.push_back({ttl, {}});
  out.lru = powers_of_two(workload.unique_blocks());
  LargeVector<Duration> last(workload.unique_blocks());
  LargeVector<std::uint32_t> uses(workload.unique_blocks());
  LruPositions stack(workload.unique_blocks());
  KnownBlocks known_blocks;
  Histogram intervals, distances, use_counts;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    add_intervals(request, known_blocks.of(request), last, intervals, {out.ttl, request, workload.block_size()});
    add_distances(request, stack, distances, {out.lru, request, workload.block_size()});
    for (const DenseId block : request.blocks) {
      last[block] = request.at;
      ++uses[block];
    }
  }
  for (const std::uint32_t count : uses) {
    use_counts.record(count);
    out.one_shot_blocks += count == 1;
  }
  out.interval_ns = spread_of(intervals);
  out.distance_blocks = spread_of(distances);
  out.uses = spread_of(use_counts);
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
