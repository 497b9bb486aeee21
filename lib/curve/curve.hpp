#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "curve/sampled_curve.hpp"
#include "curve/simulate.hpp"
#include "workload/workload.hpp"

namespace kv {

enum class CurveMethod {
  one_pass,    ///< exact, all sizes at once
  simulation,  ///< exact, the protocol carried out at this size
  sample,      ///< estimated
};
std::string_view curve_method_name(CurveMethod method);

enum class TtlMode { sliding, fixed };
std::string_view ttl_mode_name(TtlMode mode);

/// What one cache serves of the workload.
struct CurvePoint {
  std::string policy;
  std::uint32_t admit = 1;
  std::optional<Blocks> capacity;  ///< nullopt: without a bound
  std::optional<Duration> ttl;
  TtlMode ttl_mode = TtlMode::sliding;
  CurveMethod method = CurveMethod::one_pass;
  double block_hits = 0, token_hits = 0;                                            ///< whole numbers unless estimated
  std::optional<std::uint64_t> requests_with_hit, insertions, evictions, unstored;  ///< nullopt: an estimate has none
  std::optional<double> block_hit_rate_error, token_hit_rate_error;                 ///< half of the 95 % interval
};

/// What is asked of a workload.
struct CurveRequest {
  std::vector<const PolicyRow*> policies;
  std::vector<Blocks> capacities;
  std::vector<Duration> ttls;
  TtlMode ttl_mode = TtlMode::sliding;
  std::uint32_t admit = 1;
  std::vector<double> targets;  ///< token hit rates that somebody wants
  /// Also every capacity with every TTL; else TTLs are asked of caches without a bound alone.
  bool ttls_at_capacities = false;
  unsigned threads = 0;  ///< 0: one a core
};

/// A size of which somebody may think: where the curve bends, or where it reaches a target.
struct CurvePlace {
  std::string policy;
  Blocks capacity;
  double block_hit_rate = 0, token_hit_rate = 0;
};

/// The smallest cache that reaches a target: of all sizes for LRU, else of those asked for. nullopt: none does.
struct CurveTarget {
  std::string policy;
  double token_hit_rate = 0;
  std::optional<CurvePlace> place;
};

struct Curve {
  std::uint64_t block_refs = 0, input_tokens = 0;
  double unique_blocks = 0;                     ///< an estimate where the curve is one
  std::vector<CurvePoint> points;               ///< by policy, then in the order of the capacities
  std::vector<CurvePoint> ttl_points;           ///< without a bound, in the order of the TTLs
  std::vector<CurvePoint> capacity_ttl_points;  ///< by policy, capacity, TTL
  std::vector<CurvePlace> outline;              ///< of policies known at all sizes: what lies between the points
  std::vector<CurvePlace> knees;                ///< of each policy, the sharpest first
  std::vector<CurveTarget> targets;             ///< by policy, in the order asked
};

/// LRU without admission in one pass for all sizes; sliding TTLs without a bound in one pass; all else by simulation.
/// The knees of LRU are found on the whole curve, those of others between the capacities asked for, if those are six
/// or more.
Curve make_curve(const Workload& workload, const CurveRequest& request);
/// The same from a sample: LRU, and no TTLs.
Curve make_curve(const SampledCurve& sample, std::span<const Blocks> capacities, std::span<const double> targets);

/// 1, 2, 5, 10 ... up to the unique blocks, without those that tell nothing (below a thousandth of them), and they
/// themselves.
std::vector<Blocks> usual_capacities(std::uint64_t unique_blocks);

/// Where a rising curve bends (Kneedle: Satopaa et al., 2011): local maxima of its height above the straight line from
/// its first to its last point, both axes scaled to 1, that are followed by a fall of at least `sensitivity` mean
/// steps. Indices into `xs`, which ascend; the highest above the line first.
std::vector<std::size_t> find_knees(std::span<const double> xs, std::span<const double> ys, double sensitivity = 1);

}  // namespace kv
