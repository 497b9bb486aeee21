#include "profile/resemblance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "curve/lru_curve.hpp"
#include "profile/tolerances.hpp"

namespace kv {
namespace {

using Kind = LikenessFigure::Kind;

constexpr std::array kShares{1, 2, 5, 10, 20, 35, 50, 75, 100};  // of the unique blocks, in percent

LikenessFigure relative(std::string name, Kind kind, double target, double got, double tolerance) {
  LikenessFigure figure{std::move(name), kind, {}, target, got, {}, tolerance, target == got};
  if (target != 0) {
    figure.error = got / target - 1;
    figure.holds = std::abs(got - target) <= tolerance * target;  // 84 is within 5 % of 80
  } else if (got == 0) {
    figure.error = 0;
  }
  return figure;
}

LikenessFigure difference(std::string name, double target, double got, double tolerance) {
  return {std::move(name), Kind::rate, {}, target, got, got - target, tolerance, std::abs(got - target) <= tolerance};
}

void compare_lengths(const std::string& name, const Workload& trace, const Workload& generated, Tokens Request::*length,
                     std::vector<LikenessFigure>& out) {
  const auto sorted = [length](const Workload& w) {
    std::vector<std::uint64_t> lengths(w.size());
    for (std::size_t i = 0; i < w.size(); ++i) lengths[i] = (w[i].*length).count();
    std::sort(lengths.begin(), lengths.end());
    return lengths;
  };
  const auto wanted = sorted(trace), got = sorted(generated);
  for (const std::size_t p : kLengthPercentiles) {
    out.push_back(relative(fmt::format("{}.p{}", name, p), Kind::tokens, at_percentile(wanted, p),
                           at_percentile(got, p), kLengthTolerance));
  }
}

/// Requests by minute from the first request on, where there are any: (minute, count) in order.
std::vector<std::pair<std::int64_t, double>> minutes_of(const Workload& w) {
  std::vector<std::pair<std::int64_t, double>> minutes;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const std::int64_t minute = (w[i].at - w[0].at) / std::chrono::minutes(1);
    if (minutes.empty() || minutes.back().first != minute) minutes.emplace_back(minute, 0);
    ++minutes.back().second;
  }
  return minutes;
}

LikenessFigure compare_minutes(const Workload& trace, const Workload& generated) {
  const auto wanted = minutes_of(trace), got = minutes_of(generated);
  std::optional<LikenessFigure> worst;
  for (std::size_t i = 0, j = 0; i < wanted.size() || j < got.size();) {
    const std::int64_t minute =
        std::min(i < wanted.size() ? wanted[i].first : INT64_MAX, j < got.size() ? got[j].first : INT64_MAX);
    const double target = i < wanted.size() && wanted[i].first == minute ? wanted[i++].second : 0;
    const double made = j < got.size() && got[j].first == minute ? got[j++].second : 0;
    LikenessFigure figure = relative("requests_per_minute.worst", Kind::requests, target, made, kRateTolerance);
    const auto size = [](const LikenessFigure& f) { return std::abs(f.error.value_or(1e9)); };
    if (!worst || size(figure) > size(*worst)) worst = std::move(figure);
  }
  return *worst;
}

void compare_curves(const Workload& trace, const Workload& generated, std::vector<LikenessFigure>& out) {
  const LruCurve wanted = lru_curve(trace), got = lru_curve(generated);
  const auto refs = [](const Workload& w) { return static_cast<double>(summarize(w).block_refs); };
  const double wanted_refs = refs(trace), got_refs = refs(generated);
  const auto figure = [&](std::string name, std::uint64_t capacity, double tolerance) {
    LikenessFigure f =
        difference(std::move(name), static_cast<double>(wanted.at(Blocks(capacity)).block_hits) / wanted_refs,
                   static_cast<double>(got.at(Blocks(capacity)).block_hits) / got_refs, tolerance);
    f.capacity_blocks = capacity;
    return f;
  };
  const std::uint64_t blocks = trace.unique_blocks();
  out.push_back(
      figure("ideal.block_hit_rate", std::max<std::uint64_t>(blocks, generated.unique_blocks()), kIdealTolerance));
  out.back().capacity_blocks = std::nullopt;
  for (const std::uint64_t share : kShares) {
    out.push_back(
        figure("lru.block_hit_rate", std::max<std::uint64_t>(ceil_div(blocks * share, 100), 1), kCurveTolerance));
  }
  LikenessFigure worst = out.back();
  for (std::uint64_t size = std::max<std::uint64_t>(ceil_div(blocks, 100), 1); size < blocks; ++size) {
    LikenessFigure one = figure("", size, kCurveTolerance);
    if (std::abs(*one.error) > std::abs(*worst.error)) worst = std::move(one);
  }
  worst.name = "lru.worst_block_hit_rate";
  out.push_back(std::move(worst));
}

}  // namespace

bool Likeness::holds() const { return failures() == 0; }

std::size_t Likeness::failures() const {
  return static_cast<std::size_t>(
      std::count_if(figures.begin(), figures.end(), [](const LikenessFigure& f) { return !f.holds; }));
}

double Likeness::worst() const {
  double worst = 0;
  for (const LikenessFigure& f : figures) worst = std::max(worst, std::abs(f.error.value_or(1e9)) / f.tolerance);
  return worst;
}

Likeness compare_workloads(const Workload& trace, const Workload& generated) {
  Likeness likeness;
  compare_lengths("input_tokens", trace, generated, &Request::input, likeness.figures);
  compare_lengths("output_tokens", trace, generated, &Request::output, likeness.figures);
  likeness.figures.push_back(compare_minutes(trace, generated));
  compare_curves(trace, generated, likeness.figures);
  return likeness;
}

Result<Workload> generate_workload(const Generator& generator, const GenerateOptions& options) {
  WorkloadBuilder builder(generator.block_size());
  const auto counts = generator.run(options, [&](const TraceLine& line) -> Result<bool> {
    const auto added = builder.add(line.at, line.input, line.output, line.ids, line.line, line.origin);
    if (!added) return error(added);
    return true;
  });
  if (!counts) return error(counts);
  return std::move(builder).build(generator.block_size());
}

}  // namespace kv
