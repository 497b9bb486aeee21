#include "probe/analysis.hpp"

#include <algorithm>
#include <cmath>

namespace kv::probe {
namespace {

constexpr double kNoise = 0.03;
constexpr double kMostOfIt = 0.5;  // a share of the time from which one thing holds a point back

double payload_rate(const Point& point) { return median(point.per_s) * static_cast<double>(point.payload_bytes); }

/// Of two points within noise, whether `a` asks less of a client.
bool is_simpler(const Point& a, const Point& b) {
  if (a.depth != b.depth) return a.depth < b.depth;
  if (a.connections != b.connections) return a.connections < b.connections;
  return a.payload_bytes < b.payload_bytes;
}

/// Sets residuals, of what was fitted.
void judge(std::span<const Sample> samples, WireModel& model) {
  double squares = 0;
  for (const Sample& sample : samples) {
    const double modelled = model.latency_ns + sample.bytes / model.bandwidth_bytes_per_s * 1e9;
    const double residual = (modelled - sample.ns) / sample.ns;
    squares += residual * residual;
    model.max_relative_residual = std::max(model.max_relative_residual, std::abs(residual));
  }
  model.rms_relative_residual = std::sqrt(squares / static_cast<double>(samples.size()));
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double spread(const std::vector<double>& values) {
  const double middle = median(values);
  if (values.size() < 2 || middle <= 0) return 0;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return (*most - *least) / middle;
}

std::string_view bound_name(Bound bound) {
  switch (bound) {
    case Bound::latency:
      return "latency";
    case Bound::wire:
      return "wire";
    case Bound::server_cpu:
      return "server CPU";
    case Bound::client_cpu:
      return "client CPU";
    case Bound::unknown:
      break;
  }
  return "";
}

Bound bound_of(const Point& point, std::optional<double> rtt_ns) {
  const double per_s = median(point.per_s), elapsed = seconds(point.sum.elapsed);
  if (per_s <= 0 || elapsed <= 0) return Bound::unknown;
  const double ns_each = 1e9 / per_s * point.connections * point.depth;
  if (rtt_ns && *rtt_ns / ns_each >= kMostOfIt) return Bound::latency;
  const double limit = median(point.limit_per_s);
  if (limit > 0 && per_s / limit >= kNearLimit) return Bound::wire;
  const double client = 1 - seconds(point.sum.waited) / elapsed;
  const double server = point.server_cpu_s.value_or(0) / elapsed;
  if (std::max(client, server) < kMostOfIt) return Bound::unknown;
  return server >= client ? Bound::server_cpu : Bound::client_cpu;
}

const Point* best_of(std::span<const Point> points, Operation operation) {
  double highest = 0;
  for (const Point& point : points) {
    if (point.operation == operation && !point.failure) highest = std::max(highest, payload_rate(point));
  }
  const Point* best = nullptr;
  for (const Point& point : points) {
    if (point.operation != operation || point.failure || point.per_s.empty()) continue;
    if (payload_rate(point) < (1 - kNoise) * highest) continue;
    if (best == nullptr || is_simpler(point, *best)) best = &point;
  }
  return best;
}

/// Minimises sum of ((latency + slope n - t) / t)^2: with weights w = 1 / t^2 the normal equations are
/// latency Sw + slope Swn = Swt, latency Swn + slope Swnn = Swnt.
std::optional<WireModel> fit(std::span<const Sample> samples) {
  double w = 0, wn = 0, wt = 0, wnn = 0, wnt = 0;
  WireModel model;
  for (const Sample& sample : samples) {
    if (sample.ns <= 0) return std::nullopt;
    const double weight = 1 / (sample.ns * sample.ns);
    w += weight;
    wn += weight * sample.bytes;
    wt += weight * sample.ns;
    wnn += weight * sample.bytes * sample.bytes;
    wnt += weight * sample.bytes * sample.ns;
    model.least_bytes = model.sizes == 0 ? sample.bytes : std::min(model.least_bytes, sample.bytes);
    model.most_bytes = std::max(model.most_bytes, sample.bytes);
    ++model.sizes;
  }
  if (model.sizes < 2 || model.least_bytes >= model.most_bytes) return std::nullopt;
  const double determinant = w * wnn - wn * wn;
  double slope = (w * wnt - wn * wt) / determinant;
  model.latency_ns = (wnn * wt - wn * wnt) / determinant;
  if (model.latency_ns < 0) {
    model.latency_ns = 0;
    slope = wnt / wnn;
  }
  if (!(slope > 0) || !std::isfinite(slope)) return std::nullopt;
  model.bandwidth_bytes_per_s = 1e9 / slope;
  judge(samples, model);
  return model;
}

std::vector<WireModel> models_of(std::span<const Point> points) {
  std::vector<WireModel> models;
  for (const Point& first : points) {
    if (!first.moves_values()) continue;
    const std::string operation(operation_name(first.operation));
    const auto same = [&](const WireModel& m) { return m.operation == operation && m.codec == first.codec; };
    if (std::any_of(models.begin(), models.end(), same)) continue;
    std::vector<Sample> samples;
    double pipelined = 0;
    for (const Point& point : points) {
      const double per_s = median(point.per_s);
      if (point.operation != first.operation || point.codec != first.codec || point.failure || per_s <= 0) continue;
      pipelined = std::max(pipelined, per_s * static_cast<double>(point.cut.value_bytes()));
      if (point.depth == 1 && point.connections == 1) {
        samples.push_back({static_cast<double>(point.cut.value_bytes()), 1e9 / per_s});
      }
    }
    auto model = fit(samples);
    if (!model) continue;
    model->operation = operation;
    model->codec = first.codec;
    if (pipelined > 0) model->pipelined_bytes_per_s = pipelined;
    models.push_back(std::move(*model));
  }
  return models;
}

}  // namespace kv::probe
