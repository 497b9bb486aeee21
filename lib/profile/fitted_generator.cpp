#include "profile/fitted_generator.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "profile/composed.hpp"
#include "profile/fitted_round.hpp"

namespace kv {
namespace {

// Few requests leave few to choose from: of some rounds, as many as go fast, the best is taken.
constexpr std::uint32_t kTried = 1 << 16, kMostAttempts = 256;  // requests; rounds
constexpr double kGoodEnough = 0.5;                             // of a tolerance

std::uint64_t best_seed(const FittedProfile& profile, std::uint64_t seed) {
  const std::uint32_t attempts = std::min(kTried / profile.requests, kMostAttempts);
  std::uint64_t best = seed;
  double least = 0;
  for (std::uint32_t attempt = 0; attempt < attempts; ++attempt) {
    const std::uint64_t tried = attempt == 0 ? seed : mix64(seed, attempt);
    Round round(profile, tried);
    std::uint64_t at_ms = 0;
    for (std::size_t i = 0; i < round.size(); ++i) round.next(nullptr, at_ms);
    const double error = round.error();
    if (attempt == 0 || error < least) {
      best = tried;
      least = error;
    }
    if (least <= kGoodEnough) break;
  }
  return best;
}

class FittedGenerator final : public Generator {
 public:
  explicit FittedGenerator(FittedProfile profile) : profile_(std::move(profile)) {}
  Tokens block_size() const override { return profile_.block_size; }
  Result<GeneratedCounts> run(const GenerateOptions& options, const RequestSink& sink) const override;

 private:
  FittedProfile profile_;
};

Result<GeneratedCounts> FittedGenerator::run(const GenerateOptions& options, const RequestSink& sink) const {
  GeneratedCounts counts;
  const std::uint64_t wanted = options.requests.value_or(profile_.requests);
  const Duration round_span = std::chrono::minutes(profile_.minutes.size());
  if (static_cast<double>(ceil_div(wanted, profile_.requests)) * seconds(round_span) > kMostSeconds) {
    return error(Code::bad_input, fmt::format("{} requests would take more than a hundred years", wanted),
                 fmt::format("the trace had {} in {} minutes", profile_.requests, profile_.minutes.size()));
  }
  std::vector<BlockId> ids;
  for (std::uint64_t cycle = 0; counts.requests < wanted; ++cycle) {
    Round round(profile_, best_seed(profile_, mix64(options.seed, cycle)));
    for (std::size_t i = 0; i < round.size() && counts.requests < wanted; ++i) {
      std::uint64_t at_ms = 0;
      const PlannedRequest request = round.next(&ids, at_ms);
      for (BlockId& id : ids) id += counts.unique_blocks;
      TraceLine line;
      line.line = ++counts.requests;
      line.at = round_span * static_cast<std::int64_t>(cycle) + std::chrono::milliseconds(at_ms);
      line.input = Tokens(request.input);
      line.output = Tokens(request.output);
      line.ids = ids;
      counts.span = line.at;
      const auto more = sink(line);
      if (!more) return error(more);
      if (!*more) return counts;
    }
    counts.unique_blocks += round.blocks();
  }
  counts.sessions = counts.requests;
  return counts;
}

}  // namespace

std::unique_ptr<Generator> make_fitted_generator(FittedProfile profile) {
  return std::make_unique<FittedGenerator>(std::move(profile));
}

}  // namespace kv
