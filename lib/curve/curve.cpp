#include "curve/curve.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "curve/lru_curve.hpp"
#include "curve/ttl_curve.hpp"

namespace kv {
namespace {

constexpr std::size_t kKneeGrid = 1000;
constexpr std::size_t kMostKnees = 3;
constexpr std::size_t kOutline = 120;
constexpr std::size_t kFewestForKnee = 6;  // simulated points: a bend between fewer is of the choice of sizes

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

CurvePoint exact_point(const SimulationResult& hits, CurveMethod method) {
  CurvePoint point;
  point.method = method;
  point.block_hits = static_cast<double>(hits.block_hits);
  point.token_hits = static_cast<double>(hits.token_hits);
  point.requests_with_hit = hits.requests_with_hit;
  point.insertions = hits.insertions;
  point.evictions = hits.evictions;
  point.unstored = hits.unstored;
  return point;
}

CurvePlace place_of(const Curve& curve, const CurvePoint& point) {
  return {point.policy, *point.capacity, share(point.block_hits, static_cast<double>(curve.block_refs)),
          share(point.token_hits, static_cast<double>(curve.input_tokens))};
}

void add_knees(std::span<const CurvePoint> points, Curve& curve) {
  std::vector<CurvePoint> sorted(points.begin(), points.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const CurvePoint& a, const CurvePoint& b) { return *a.capacity < *b.capacity; });
  std::vector<double> sizes{0}, hits{0};
  for (const CurvePoint& point : sorted) {
    sizes.push_back(static_cast<double>(point.capacity->count()));
    hits.push_back(point.token_hits);
  }
  std::size_t count = 0;
  for (const std::size_t knee : find_knees(sizes, hits)) {
    if (count++ == kMostKnees) return;
    curve.knees.push_back(place_of(curve, sorted[knee - 1]));
  }
}

/// The smallest size up to `most` at which `rate`, which never falls, reaches the target.
template <class Rate>
std::optional<std::uint64_t> smallest_size(std::uint64_t most, double target, const Rate& rate) {
  if (rate(most) < target) return std::nullopt;
  std::uint64_t low = 0;
  while (low < most) {
    const std::uint64_t middle = low + (most - low) / 2;
    if (rate(middle) < target) {
      low = middle + 1;
    } else {
      most = middle;
    }
  }
  return most;
}

/// Sizes in equal steps of their logarithm, from the smallest of those asked for to the largest.
std::vector<Blocks> outline_sizes(std::span<const Blocks> asked) {
  if (asked.empty()) return {};
  const auto [first, last] = std::minmax_element(asked.begin(), asked.end());
  const double step = std::log(static_cast<double>(last->count()) / static_cast<double>(first->count())) / kOutline;
  std::vector<Blocks> out;
  for (std::size_t i = 0; i <= kOutline; ++i) {
    const double size = static_cast<double>(first->count()) * std::exp(step * static_cast<double>(i));
    const Blocks blocks = std::min(Blocks(static_cast<std::uint64_t>(std::llround(size))), *last);
    if (out.empty() || out.back() < blocks) out.push_back(blocks);
  }
  return out;
}

/// Makes the points of one policy, LRU from the curve of all sizes.
class PolicyCurve {
 public:
  PolicyCurve(const Workload& workload, const CurveRequest& request, const PolicyRow& policy)
      : workload_(workload), request_(request), policy_(policy) {
    if (policy.name == "lru" && request.admit <= 1) lru_ = std::make_unique<LruCurve>(lru_curve(workload));
  }

  std::vector<CurvePoint> points(std::span<const Blocks> capacities) const {
    std::vector<CurvePoint> out;
    if (lru_) {
      for (const Blocks capacity : capacities) out.push_back(exact_point(lru_->at(capacity), CurveMethod::one_pass));
    } else {
      out = simulated(capacities, std::nullopt);
    }
    return named(std::move(out), capacities, std::nullopt);
  }

  std::vector<CurvePoint> points(std::span<const Blocks> capacities, Duration ttl) const {
    return named(simulated(capacities, ttl), capacities, ttl);
  }

  /// See CurveTarget; `asked` are the points of the capacities asked for.
  std::optional<CurvePlace> size_for(double target, std::span<const CurvePoint> asked, const Curve& curve) const {
    if (lru_) {
      const auto tokens = static_cast<double>(curve.input_tokens);
      const auto size = smallest_size(lru_->largest_distance().count(), target, [&](std::uint64_t blocks) {
        return share(static_cast<double>(lru_->at(Blocks(blocks)).token_hits), tokens);
      });
      if (!size) return std::nullopt;
      const std::vector<Blocks> one{Blocks(*size)};
      return place_of(curve, points(one).front());
    }
    std::optional<CurvePlace> smallest;
    for (const CurvePoint& point : asked) {
      const CurvePlace place = place_of(curve, point);
      if (place.token_hit_rate >= target && (!smallest || place.capacity < smallest->capacity)) smallest = place;
    }
    return smallest;
  }

  /// See Curve::outline.
  std::vector<CurvePlace> outline(const Curve& curve) const {
    std::vector<CurvePlace> out;
    if (!lru_) return out;
    for (const CurvePoint& point : points(outline_sizes(request_.capacities))) out.push_back(place_of(curve, point));
    return out;
  }

  /// For knees: close together where that costs nothing.
  std::vector<CurvePoint> knee_points(std::span<const CurvePoint> asked) const {
    if (!lru_ && asked.size() < kFewestForKnee) return {};
    if (!lru_) return {asked.begin(), asked.end()};
    std::vector<Blocks> grid;
    const std::uint64_t last = workload_.unique_blocks();
    for (std::size_t i = 1; i <= kKneeGrid; ++i) {
      const Blocks size(std::max<std::uint64_t>(last * i / kKneeGrid, 1));
      if (grid.empty() || grid.back() < size) grid.push_back(size);
    }
    return points(grid);
  }

 private:
  std::vector<CurvePoint> simulated(std::span<const Blocks> capacities, std::optional<Duration> ttl) const {
    SimulationOptions options;
    options.admit = request_.admit;
    (request_.ttl_mode == TtlMode::fixed ? options.fixed_ttl : options.sliding_ttl) = ttl;
    std::vector<CurvePoint> out;
    for (const SimulationResult& hits : simulate_many(workload_, policy_, capacities, options, request_.threads)) {
      out.push_back(exact_point(hits, CurveMethod::simulation));
    }
    return out;
  }

  std::vector<CurvePoint> named(std::vector<CurvePoint> points, std::span<const Blocks> capacities,
                                std::optional<Duration> ttl) const {
    for (std::size_t i = 0; i < points.size(); ++i) {
      points[i].policy = policy_.name;
      points[i].admit = request_.admit;
      points[i].capacity = capacities[i];
      points[i].ttl = ttl;
      points[i].ttl_mode = request_.ttl_mode;
    }
    return points;
  }

  const Workload& workload_;
  const CurveRequest& request_;
  const PolicyRow& policy_;
  std::unique_ptr<LruCurve> lru_;
};

/// Without a bound nothing is evicted, so that the policy does not matter.
std::vector<CurvePoint> unbounded_ttl_points(const Workload& workload, const CurveRequest& request) {
  std::vector<CurvePoint> out;
  if (request.ttl_mode == TtlMode::sliding && request.admit <= 1) {
    for (const TtlHits& hits : sliding_ttl_hits(workload, request.ttls)) {
      CurvePoint point;
      point.block_hits = static_cast<double>(hits.block_hits);
      point.token_hits = static_cast<double>(hits.token_hits);
      point.requests_with_hit = hits.requests_with_hit;
      out.push_back(std::move(point));
    }
  } else {
    const std::vector<Blocks> all{Blocks(std::max<std::uint64_t>(workload.unique_blocks(), 1))};
    for (const Duration ttl : request.ttls) {
      SimulationOptions options;
      options.admit = request.admit;
      (request.ttl_mode == TtlMode::fixed ? options.fixed_ttl : options.sliding_ttl) = ttl;
      out.push_back(
          exact_point(simulate(workload, *find_policy("lru"), all.front(), options), CurveMethod::simulation));
    }
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].admit = request.admit;
    out[i].ttl = request.ttls[i];
    out[i].ttl_mode = request.ttl_mode;
  }
  return out;
}

}  // namespace

std::string_view curve_method_name(CurveMethod method) {
  switch (method) {
    case CurveMethod::one_pass:
      return "one pass";
    case CurveMethod::simulation:
      return "simulation";
    case CurveMethod::sample:
      break;
  }
  return "sample";
}

std::string_view ttl_mode_name(TtlMode mode) { return mode == TtlMode::sliding ? "sliding" : "fixed"; }

Curve make_curve(const Workload& workload, const CurveRequest& request) {
  const WorkloadSummary summary = summarize(workload);
  Curve curve;
  curve.block_refs = summary.block_refs;
  curve.input_tokens = summary.input_tokens;
  curve.unique_blocks = static_cast<double>(summary.unique_blocks);
  for (const PolicyRow* policy : request.policies) {
    const PolicyCurve of(workload, request, *policy);
    const std::vector<CurvePoint> points = of.points(request.capacities);
    add_knees(of.knee_points(points), curve);
    for (const double target : request.targets) {
      curve.targets.push_back({policy->name, target, of.size_for(target, points, curve)});
    }
    curve.points.insert(curve.points.end(), points.begin(), points.end());
    const std::vector<CurvePlace> outline = of.outline(curve);
    curve.outline.insert(curve.outline.end(), outline.begin(), outline.end());
    if (!request.ttls_at_capacities) continue;
    for (const Duration ttl : request.ttls) {
      const std::vector<CurvePoint> both = of.points(request.capacities, ttl);
      curve.capacity_ttl_points.insert(curve.capacity_ttl_points.end(), both.begin(), both.end());
    }
  }
  curve.ttl_points = unbounded_ttl_points(workload, request);
  return curve;
}

Curve make_curve(const SampledCurve& sample, std::span<const Blocks> capacities, std::span<const double> targets) {
  Curve curve;
  curve.block_refs = sample.block_refs();
  curve.input_tokens = sample.input_tokens();
  curve.unique_blocks = sample.unique_blocks();
  for (const Blocks capacity : capacities) {
    const EstimatedHits hits = sample.at(capacity);
    CurvePoint point;
    point.policy = "lru";
    point.capacity = capacity;
    point.method = CurveMethod::sample;
    point.block_hits = std::round(hits.block_hit_rate * static_cast<double>(curve.block_refs));
    point.token_hits = std::round(hits.token_hit_rate * static_cast<double>(curve.input_tokens));
    point.block_hit_rate_error = hits.block_error;
    point.token_hit_rate_error = hits.token_error;
    curve.points.push_back(std::move(point));
  }
  for (const Blocks capacity : outline_sizes(capacities)) {
    const EstimatedHits hits = sample.at(capacity);
    curve.outline.push_back({"lru", capacity, hits.block_hit_rate, hits.token_hit_rate});
  }
  add_knees(curve.points, curve);
  for (const double target : targets) {
    const auto size = smallest_size(static_cast<std::uint64_t>(curve.unique_blocks), target,
                                    [&](std::uint64_t blocks) { return sample.at(Blocks(blocks)).token_hit_rate; });
    CurveTarget out{"lru", target, std::nullopt};
    if (size) {
      const EstimatedHits hits = sample.at(Blocks(*size));
      out.place = CurvePlace{"lru", Blocks(*size), hits.block_hit_rate, hits.token_hit_rate};
    }
    curve.targets.push_back(std::move(out));
  }
  return curve;
}

}  // namespace kv
