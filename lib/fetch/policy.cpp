#include "fetch/policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <charconv>

#include "base/parse.hpp"

namespace kv {
namespace {

constexpr double kMostShare = 1000;

/// "0.5x"; nullopt: it is none.
std::optional<double> parse_share(std::string_view text) {
  if (text.empty() || text.back() != 'x') return std::nullopt;
  double share = 0;
  const char* end = text.data() + text.size() - 1;
  const auto [stopped, trouble] = std::from_chars(text.data(), end, share);
  if (trouble != std::errc() || stopped != end || !(share >= 0 && share <= kMostShare)) return std::nullopt;
  return share;
}

Result<FetchPolicy> parse_hedged(FetchPolicy policy, std::string_view budget) {
  policy.mode = FetchMode::hedged;
  if (const auto share = parse_share(budget)) {
    policy.budget_share = *share;
    return policy;
  }
  const auto fixed = parse_duration(budget);
  if (!fixed) {
    return error(
        Code::bad_input, fmt::format("{} is no budget of a hedged fetch", quote(budget)),
        "write a time like hedged:20ms, or a share of the recomputation that the fetch saves like hedged:0.5x");
  }
  policy.budget = *fixed;
  return policy;
}

}  // namespace

Result<FetchPolicy> parse_fetch_policy(const std::string& text) {
  FetchPolicy policy;
  policy.text = text;
  constexpr std::string_view kHedged = "hedged";
  const std::pair<std::string_view, FetchMode> plain[] = {{"always", FetchMode::always},
                                                          {"never", FetchMode::never},
                                                          {"adaptive", FetchMode::adaptive},
                                                          {kHedged, FetchMode::hedged}};
  std::vector<std::string> names;
  for (const auto& [name, mode] : plain) {
    names.emplace_back(name);
    if (text != name) continue;
    policy.mode = mode;
    return policy;
  }
  if (text.rfind("hedged:", 0) == 0) return parse_hedged(policy, std::string_view(text).substr(kHedged.size() + 1));
  const auto close = nearest(text, names);
  return error(
      Code::bad_input, fmt::format("{} is no fetch policy", quote(text)),
      close ? fmt::format("did you mean {}?", *close) : "one of always, never, adaptive, hedged and hedged:BUDGET");
}

FetchChoice FetchDecider::choose(std::span<const FetchCut> cuts) {
  assert(cuts.size() >= 2);
  const FetchChoice everything{cuts.size() - 1, false};
  if (policy_.mode == FetchMode::never) return {0, false};
  if (policy_.mode != FetchMode::adaptive) return everything;
  if (samples_.size() < kExplored || !line_) return {everything.cut, true};
  const auto predicted_s = [this](const FetchCut& cut) {
    return seconds(cut.recomputation) + (cut.bytes == 0 ? 0 : line_->predict_s(cut.bytes));
  };
  const auto best = std::min_element(
      cuts.begin(), cuts.end(), [&](const FetchCut& a, const FetchCut& b) { return predicted_s(a) < predicted_s(b); });
  if (best != cuts.begin()) return {static_cast<std::size_t>(best - cuts.begin()), false};
  if (++declined_ % kExploreEvery != 0) return {0, false};
  exploring_ = true;
  return {everything.cut, true};
}

void FetchDecider::learn(const FetchSample& sample, Duration saved) {
  if (policy_.mode != FetchMode::adaptive || sample.bytes == 0) return;
  if (exploring_ && sample.took < saved) samples_.clear();
  exploring_ = false;
  if (samples_.size() < kRemembered) {
    next_ = samples_.size();
    samples_.push_back(sample);
  } else {
    samples_[next_] = sample;
  }
  next_ = (next_ + 1) % kRemembered;
  line_ = fit_fetches(samples_);
}

std::optional<Duration> FetchDecider::predict(std::uint64_t bytes) const {
  if (!line_) return std::nullopt;
  return bytes == 0 ? Duration(0) : from_seconds(line_->predict_s(bytes));
}

Duration hedge_budget(const FetchPolicy& policy, Duration saved) {
  if (policy.budget) return *policy.budget;
  return from_seconds(std::max(seconds(saved), 0.0) * policy.budget_share);
}

HedgeOutcome hedge(Duration budget, Duration fetch, Duration rest, Duration recomputation) {
  HedgeOutcome outcome{fetch > budget, false, fetch, rest, Duration(0)};
  if (!outcome.started) return outcome;
  outcome.recomputation_won = budget + recomputation < fetch + rest;
  if (outcome.recomputation_won) {
    outcome.waited = budget;
    outcome.prefill = recomputation;
  } else {
    outcome.wasted = std::min(fetch - budget, recomputation);
  }
  return outcome;
}

}  // namespace kv
