#include "profile/fit_strata.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <queue>

namespace kv {
namespace {

using Kind = Stratum::Kind;

enum Axis { when, hits, own, distance, left, input, output, axes };

/// A request as a point, with axes scaled so that one unit matters about as much on each.
struct Point {
  std::array<float, axes> at;
  float weight;
};

struct Row {
  std::uint32_t request, when, input, output;  // the last three: ranks in 0..10,000
  std::uint32_t blocks, hits, distance, left;
};

struct Split {
  double gain = 0;
  int axis = 0;
  float below = 0;
};

class Splitter {
 public:
  Splitter(const std::vector<Point>& points, std::uint32_t least) : points_(points), least_(least) {}

  /// The cut of these points that leaves the least variance.
  Split best(const std::vector<std::uint32_t>& members) {
    Split best;
    if (members.size() < 2 * std::size_t{least_}) return best;
    for (int axis = 0; axis < axes; ++axis) along(members, axis, best);
    return best;
  }

 private:
  void along(const std::vector<std::uint32_t>& members, int axis, Split& best) {
    sorted_.clear();
    double sum = 0, weight = 0;
    for (const std::uint32_t m : members) {
      const Point& p = points_[m];
      sorted_.push_back({p.at[axis], p.weight});
      sum += p.at[axis] * p.weight;
      weight += p.weight;
    }
    std::sort(sorted_.begin(), sorted_.end());
    double left = 0, left_weight = 0;
    for (std::size_t i = 0; i + least_ < sorted_.size(); ++i) {
      left += sorted_[i].first * sorted_[i].second;
      left_weight += sorted_[i].second;
      if (i + 1 < least_ || sorted_[i].first == sorted_[i + 1].first) continue;
      const double right = sum - left, right_weight = weight - left_weight;
      const double gain = left * left / left_weight + right * right / right_weight - sum * sum / weight;
      if (gain > best.gain) best = {gain, axis, sorted_[i + 1].first};
    }
  }

  const std::vector<Point>& points_;
  std::uint32_t least_;
  std::vector<std::pair<float, float>> sorted_;
};

std::vector<std::uint32_t> ranks_of(std::size_t count, const auto& key) {
  std::vector<std::uint32_t> order(count), ranks(count);
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return key(a) < key(b); });
  for (std::size_t i = 0; i < count; ++i) {
    ranks[order[i]] = static_cast<std::uint32_t>((i + 0.5) * 10'000 / static_cast<double>(count));
  }
  return ranks;
}

Kind kind_of(const Row& row) {
  return row.hits == 0 ? Kind::fresh : row.hits == row.blocks ? Kind::repeated : Kind::shared;
}

Range range_of(const std::vector<Row>& rows, const std::vector<std::uint32_t>& members, const auto& value) {
  Range range{UINT32_MAX, 0};
  for (const std::uint32_t m : members) {
    range.low = std::min<std::uint32_t>(range.low, value(rows[m]));
    range.high = std::max<std::uint32_t>(range.high, value(rows[m]));
  }
  return range;
}

Stratum stratum_of(const std::vector<Row>& rows, const std::vector<std::uint32_t>& members) {
  Stratum s;
  s.kind = kind_of(rows[members[0]]);
  s.requests = static_cast<std::uint32_t>(members.size());
  s.when = range_of(rows, members, [](const Row& r) { return r.when; });
  s.input = range_of(rows, members, [](const Row& r) { return r.input; });
  s.output = range_of(rows, members, [](const Row& r) { return r.output; });
  s.distance = range_of(rows, members, [](const Row& r) { return r.distance; });
  std::vector<std::uint32_t> left;
  for (const std::uint32_t m : members) left.push_back(rows[m].left);
  std::nth_element(left.begin(), left.begin() + left.size() / 2, left.end());
  s.left = left[left.size() / 2];
  if (s.kind == Kind::shared) {
    s.blocks = range_of(rows, members, [](const Row& r) { return r.hits; });
    const Range own = range_of(rows, members, [](const Row& r) { return r.blocks - r.hits; });
    if (own.high - own.low < s.blocks.high - s.blocks.low) {
      s.kind = Kind::grown;
      s.blocks = own;
    }
  }
  return s;
}

}  // namespace

std::vector<Stratum> fit_strata(const Workload& workload, const std::vector<RequestReuse>& reuse,
                                const FitOptions& options) {
  const std::size_t count = reuse.size();
  const auto inputs = ranks_of(count, [&](auto i) { return workload[i].input.count(); });
  const auto outputs = ranks_of(count, [&](auto i) { return workload[i].output.count(); });
  std::vector<Row> rows(count);
  std::vector<Point> points(count);
  double mean = 0;
  for (const RequestReuse& r : reuse) mean += r.hits;
  mean = std::max(1.0, mean / static_cast<double>(count));
  for (std::uint32_t i = 0; i < count; ++i) {
    const RequestReuse& r = reuse[i];
    rows[i] = {i, static_cast<std::uint32_t>((i + 0.5) * 10'000 / static_cast<double>(count)), inputs[i], outputs[i],
               r.blocks, r.hits, r.distance, r.left};
    points[i].at = {static_cast<float>(4.0 * i / count), static_cast<float>(1.5 * std::log2(1.0 + r.hits)),
                    static_cast<float>(std::log2(1.0 + r.blocks - r.hits)),
                    static_cast<float>(1.5 * std::log2(1.0 + r.distance)),
                    static_cast<float>(0.7 * std::log2(1.0 + r.left)),
                    static_cast<float>(0.5 * std::log2(1.0 + workload[i].input.count())),
                    static_cast<float>(0.25 * std::log2(1.0 + workload[i].output.count()))};
    points[i].weight = static_cast<float>(0.2 + r.hits / mean);
  }
  using Cell = std::pair<Split, std::vector<std::uint32_t>>;
  const auto less = [](const Cell& a, const Cell& b) { return a.first.gain < b.first.gain; };
  std::vector<Cell> heap;
  Splitter splitter(points, options.least);
  const auto add = [&](std::vector<std::uint32_t> members) {
    if (members.empty()) return;
    const Split split = splitter.best(members);
    heap.emplace_back(split, std::move(members));
    std::push_heap(heap.begin(), heap.end(), less);
  };
  for (const Kind kind : {Kind::fresh, Kind::shared, Kind::repeated}) {
    std::vector<std::uint32_t> members;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (kind_of(rows[i]) == kind) members.push_back(i);
    }
    add(std::move(members));
  }
  while (heap.size() < options.strata && heap.front().first.gain > 0) {
    std::pop_heap(heap.begin(), heap.end(), less);
    const Cell cell = std::move(heap.back());
    heap.pop_back();
    std::vector<std::uint32_t> low, high;
    for (const std::uint32_t m : cell.second) {
      (points[m].at[cell.first.axis] < cell.first.below ? low : high).push_back(m);
    }
    add(std::move(low));
    add(std::move(high));
  }
  std::vector<Stratum> strata;
  for (const Cell& cell : heap) strata.push_back(stratum_of(rows, cell.second));
  return strata;
}

}  // namespace kv
