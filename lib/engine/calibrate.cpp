#include "engine/calibrate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/random.hpp"

namespace kv {
namespace {

constexpr std::uint64_t kShortest = 64;

struct Timed {
  Tokens prompt, cached;
};

std::vector<Timed> points_of(const CalibrationPlan& plan) {
  std::vector<Timed> points;
  for (const Tokens length : plan.lengths) {
    for (const double share : plan.cached_shares) {
      const auto cached = static_cast<std::uint64_t>(static_cast<double>(length.count()) * share);
      points.push_back({length, Tokens(std::min(cached, length.count() - 1))});
    }
  }
  return points;
}

/// Fisher and Yates.
void shuffle(std::vector<Timed>& points, Random& random) {
  for (std::size_t i = points.size(); i > 1; --i) std::swap(points[i - 1], points[random.below(i)]);
}

std::string name_of(const EngineInfo& info) {
  const char* plural = info.threads == 1 ? "" : "s";
  const std::string threads = info.threads == 0 ? "" : fmt::format(", {} thread{}", info.threads, plural);
  return fmt::format("{}{}, {}", info.device, threads, info.kernel);
}

}  // namespace

CalibrationPlan usual_calibration(Tokens longest) {
  CalibrationPlan plan;
  for (std::uint64_t length = kShortest; length < longest.count(); length *= 2) plan.lengths.emplace_back(length);
  plan.lengths.push_back(longest);
  plan.cached_shares = {0, 0.25, 0.5, 0.75, 0.9, 0.95};
  return plan;
}

CalibrationPlan quick_calibration(Tokens longest) {
  CalibrationPlan plan;
  for (const std::uint64_t part : {16, 8, 4, 2, 1}) {
    const Tokens length(std::max<std::uint64_t>(longest.count() / part, 2));
    if (plan.lengths.empty() || plan.lengths.back() < length) plan.lengths.push_back(length);
  }
  plan.cached_shares = {0, 0.5};
  plan.rounds = 1;
  return plan;
}

Result<PrefillProfile> calibrate(Engine& engine, const std::string& model, const CalibrationPlan& plan,
                                 const std::atomic<bool>& stop,
                                 const std::function<void(std::size_t done, std::size_t all)>& progress) {
  for (const Tokens length : plan.lengths) {
    if (length != Tokens(0) && length <= engine.max_tokens()) continue;
    return error(Code::bad_input, fmt::format("prompts of {} tokens cannot be timed: the engine was made for {}",
                                              length.count(), engine.max_tokens().count()));
  }
  std::vector<Timed> points = points_of(plan);
  if (points.empty()) return error(Code::bad_input, "nothing to time");
  Random random(plan.seed);
  std::vector<std::uint32_t> tokens(engine.max_tokens().count());
  for (std::uint32_t& token : tokens) token = static_cast<std::uint32_t>(random.below(engine.vocab()));
  PrefillProfile profile{model, name_of(engine.info()), {}};
  std::vector<float> logits(engine.vocab());
  const std::size_t all = points.size() * plan.rounds;
  const auto timed = [&](const Timed& point) {
    const std::size_t cached = point.cached.count();
    return engine.prefill(std::span(tokens).subspan(cached, point.prompt.count() - cached), point.cached, logits);
  };
  if (const auto warm = timed({plan.lengths.front(), Tokens(0)}); !warm) return error(warm);
  for (std::uint32_t round = 0; round < plan.rounds; ++round) {
    shuffle(points, random);
    for (const Timed& point : points) {
      if (stop) return profile;
      const auto computed = timed(point);
      if (!computed) return error(computed);
      profile.points.push_back({point.prompt, point.cached, computed->time});
      if (progress) progress(profile.points.size(), all);
    }
  }
  return profile;
}

}  // namespace kv
