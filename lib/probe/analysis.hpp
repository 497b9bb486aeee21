#pragma once
#include <span>
#include <vector>

#include "probe/probe.hpp"
#include "probe/profile.hpp"

namespace kv::probe {

/// Of an odd number of values the middle one, else the mean of the two in the middle; 0 of none.
double median(std::vector<double> values);
/// (largest - smallest) / median; 0 of fewer than two.
double spread(const std::vector<double>& values);

/// What holds a point back.
enum class Bound {
  latency,     ///< at least half of every operation's time is a round trip of nothing
  wire,        ///< the bare socket does little better: kNearLimit of it are reached
  server_cpu,  ///< the server's CPU time, or (next) the client thread's, is the larger share of the time, and over half
  client_cpu,
  unknown,
};
std::string_view bound_name(Bound bound);  ///< "server CPU"
inline constexpr double kNearLimit = 0.85;
Bound bound_of(const Point& point, std::optional<double> rtt_ns);

/// Of the points that were measured, of `operation`, the best by bytes per second of payload: within 3 % of the highest
/// rate, which is noise, the one with the smallest depth, then the fewest connections, then the smallest value.
/// nullptr: none.
const Point* best_of(std::span<const Point> points, Operation operation);

/// Latency and bandwidth of t(n) = latency + n / bandwidth by least squares of the relative residuals, so that small
/// values count as much as large ones. nullopt with fewer than two sizes, or if time does not grow with size. A
/// negative latency is held at 0.
struct Sample {
  double bytes = 0, ns = 0;
};
std::optional<WireModel> fit(std::span<const Sample> samples);

/// All models of a probe: one an operation and codec, from the points with one connection and depth 1.
std::vector<WireModel> models_of(std::span<const Point> points);

}  // namespace kv::probe
