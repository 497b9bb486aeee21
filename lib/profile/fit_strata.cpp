#include "profile/fit_strata.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <tuple>

namespace kv {
namespace {

enum Axis { when, hits, own, distance, left, input, output, axes };
// What a factor of two (of `when`: the whole trace) counts on each axis: hits and distances make the curve.
constexpr std::array<double, axes> kScale{4.0, 1.5, 1.0, 1.5, 0.7, 0.5, 0.25};
constexpr double kLeastWeight = 0.2;      // of a request without hits, beside 1 of one with as many as the mean
constexpr std::size_t kLooked = 1 << 14;  // requests of a group that choose its cut

struct Row {
  std::uint32_t when, input, output;  // ranks in 1/10,000
  std::uint32_t blocks, hits, distance, left;
  std::uint32_t kind() const {
    return hits == 0 ? Stratum::fresh : hits == blocks ? Stratum::repeated : Stratum::shared;
  }
};
/// The same request as a point of a space in which near requests are alike.
struct Point {
  std::array<float, axes> at;
  float weight;
};

struct Cut {
  double gain = 0;
  int axis = 0;
  float below = 0;
};
struct Group {
  Cut cut;
  std::vector<std::uint32_t> members;
  bool operator<(const Group& other) const { return cut.gain < other.cut.gain; }
};

/// Finds the cut of a group that leaves the least variance in its two halves.
class Cutter {
 public:
  Cutter(const std::vector<Point>& points, std::uint32_t least) : points_(points), least_(least) {}

  Cut best(const std::vector<std::uint32_t>& members) {
    Cut best;
    const std::size_t stride = members.size() / kLooked + 1;
    for (int axis = 0; axis < axes; ++axis) along(members, stride, axis, best);
    best.gain *= static_cast<double>(stride);
    return best;
  }

 private:
  void along(const std::vector<std::uint32_t>& members, std::size_t stride, int axis, Cut& best) {
    sorted_.clear();
    double sum = 0, weight = 0;
    for (std::size_t i = 0; i < members.size(); i += stride) {
      const Point& p = points_[members[i]];
      sorted_.emplace_back(p.at[static_cast<std::size_t>(axis)], p.weight);
      sum += static_cast<double>(sorted_.back().first) * p.weight;
      weight += p.weight;
    }
    std::sort(sorted_.begin(), sorted_.end());
    double left_sum = 0, left_weight = 0;
    for (std::size_t i = 0; i + least_ < sorted_.size(); ++i) {
      left_sum += static_cast<double>(sorted_[i].first) * sorted_[i].second;
      left_weight += sorted_[i].second;
      if (i + 1 < least_ || sorted_[i].first == sorted_[i + 1].first) continue;
      const double right_sum = sum - left_sum, right_weight = weight - left_weight;
      const double gain = left_sum * left_sum / left_weight + right_sum * right_sum / right_weight - sum * sum / weight;
      if (gain > best.gain) best = {gain, axis, sorted_[i + 1].first};
    }
  }

  const std::vector<Point>& points_;
  std::size_t least_;
  std::vector<std::pair<float, float>> sorted_;
};

/// Ranks in 1/10,000 of the requests by a key.
template <class Key>
std::vector<std::uint32_t> ranks_of(std::size_t count, const Key& key) {
  std::vector<std::uint32_t> order(count), ranks(count);
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
  for (std::size_t i = 0; i < count; ++i) ranks[order[i]] = static_cast<std::uint32_t>((2 * i + 1) * 5'000 / count);
  return ranks;
}

std::vector<Row> rows_of(const Workload& workload, const std::vector<RequestReuse>& reuse) {
  const std::size_t count = reuse.size();
  const auto inputs = ranks_of(count, [&](std::uint32_t i) { return workload[i].input.count(); });
  const auto outputs = ranks_of(count, [&](std::uint32_t i) { return workload[i].output.count(); });
  std::vector<Row> rows;
  rows.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const RequestReuse& r = reuse[i];
    rows.push_back({static_cast<std::uint32_t>((2 * i + 1) * 5'000 / count), inputs[i], outputs[i], r.blocks, r.hits,
                    r.distance, r.left});
  }
  return rows;
}

std::vector<Point> points_of(const Workload& workload, const std::vector<Row>& rows) {
  double mean = 0;
  for (const Row& row : rows) mean += row.hits;
  mean = std::max(1.0, mean / static_cast<double>(rows.size()));
  std::vector<Point> points(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& r = rows[i];
    const std::array<double, axes> octaves{static_cast<double>(i) / static_cast<double>(rows.size()),
                                           std::log2(1.0 + r.hits),
                                           std::log2(1.0 + (r.blocks - r.hits)),
                                           std::log2(1.0 + r.distance),
                                           std::log2(1.0 + r.left),
                                           std::log2(1.0 + static_cast<double>(workload[i].input.count())),
                                           std::log2(1.0 + static_cast<double>(workload[i].output.count()))};
    for (std::size_t axis = 0; axis < axes; ++axis) {
      points[i].at[axis] = static_cast<float>(kScale[axis] * octaves[axis]);
    }
    points[i].weight = static_cast<float>(kLeastWeight + r.hits / mean);
  }
  return points;
}

template <class Value>
Between range_of(const std::vector<Row>& rows, const std::vector<std::uint32_t>& members, const Value& value) {
  Between range{UINT32_MAX, 0};
  for (const std::uint32_t m : members) {
    range.low = std::min(range.low, value(rows[m]));
    range.high = std::max(range.high, value(rows[m]));
  }
  return range;
}

Stratum stratum_of(const std::vector<Row>& rows, const std::vector<std::uint32_t>& members) {
  Stratum s;
  s.kind = rows[members[0]].kind();
  s.requests = static_cast<std::uint32_t>(members.size());
  s.when = range_of(rows, members, [](const Row& r) { return r.when; });
  s.input = range_of(rows, members, [](const Row& r) { return r.input; });
  s.output = range_of(rows, members, [](const Row& r) { return r.output; });
  s.distance = range_of(rows, members, [](const Row& r) { return r.distance; });
  std::vector<std::uint32_t> lefts;
  lefts.reserve(members.size());
  for (const std::uint32_t m : members) lefts.push_back(rows[m].left);
  const auto middle = lefts.begin() + static_cast<std::ptrdiff_t>(lefts.size() / 2);
  std::nth_element(lefts.begin(), middle, lefts.end());
  s.left = *middle;
  if (s.kind != Stratum::shared) return s;
  // Whichever varies less says more: a system prompt's length, or how much a turn adds to a conversation.
  s.blocks = range_of(rows, members, [](const Row& r) { return r.hits; });
  const Between own_blocks = range_of(rows, members, [](const Row& r) { return r.blocks - r.hits; });
  if (own_blocks.high - own_blocks.low < s.blocks.high - s.blocks.low) {
    s.kind = Stratum::grown;
    s.blocks = own_blocks;
  }
  return s;
}

}  // namespace

std::vector<Stratum> fit_strata(const Workload& workload, const std::vector<RequestReuse>& reuse, std::size_t most,
                                std::uint32_t least) {
  const std::vector<Row> rows = rows_of(workload, reuse);
  const std::vector<Point> points = points_of(workload, rows);
  std::vector<Group> groups;
  Cutter cutter(points, least);
  const auto add = [&](std::vector<std::uint32_t> members) {
    if (members.empty()) return;
    const Cut cut = cutter.best(members);
    groups.push_back({cut, std::move(members)});
    std::push_heap(groups.begin(), groups.end());
  };
  for (const std::uint32_t kind : {Stratum::fresh, Stratum::shared, Stratum::repeated}) {
    std::vector<std::uint32_t> members;
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
      if (rows[i].kind() == kind) members.push_back(i);
    }
    add(std::move(members));
  }
  while (groups.size() < most && groups.front().cut.gain > 0) {
    std::pop_heap(groups.begin(), groups.end());
    const Group group = std::move(groups.back());
    groups.pop_back();
    std::vector<std::uint32_t> low, high;
    for (const std::uint32_t m : group.members) {
      (points[m].at[static_cast<std::size_t>(group.cut.axis)] < group.cut.below ? low : high).push_back(m);
    }
    add(std::move(low));
    add(std::move(high));
  }
  std::vector<Stratum> strata;
  strata.reserve(groups.size());
  for (const Group& group : groups) strata.push_back(stratum_of(rows, group.members));
  // In order of time, for a reader.
  std::sort(strata.begin(), strata.end(), [](const Stratum& a, const Stratum& b) {
    return std::tie(a.when.low, a.when.high, a.kind, a.distance.low) <
           std::tie(b.when.low, b.when.high, b.kind, b.distance.low);
  });
  return strata;
}

}  // namespace kv
