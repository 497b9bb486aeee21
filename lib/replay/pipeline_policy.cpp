#include <algorithm>
#include <cmath>

#include "replay/pipeline.hpp"

namespace kv {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// Points at which a hit is looked at, where it makes a difference where it is cut.
constexpr std::size_t kMostCuts = 32;
/// A choice is wrong that takes longer than the other by more than this; as kSlowerBy in pipeline_record.cpp.
constexpr double kWrongBy = 0.001;

}  // namespace

/// Prefill of what lies behind the first `block` blocks, one token at least.
Duration Pipeline::prefill_behind(std::size_t block) const {
  const Tokens reusable = std::min(before(block), request_.input - Tokens(1));
  return plan_.prefill->cost(reusable, request_.input - reusable);
}

/// How much of the hit behind the `have` blocks of the engine's own cache is fetched: up to which block. Deciding is
/// part of the lookup's time.
std::size_t Pipeline::choose_fetch(std::size_t have) {
  fetch_ = {};
  fetch_.had = lease_.leading > have;
  fetch_.end = std::max(have, lease_.leading);
  if (!fetch_.had) return have;
  if (decider_.policy().mode != FetchMode::always) {
    const TimePoint start = SteadyClock::now();
    decide(have);
    spent(Phase::lookup) += SteadyClock::now() - start;
  }
  fetch_.bytes = moved_bytes(have, fetch_.end);
  return fetch_.end;
}

void Pipeline::decide(std::size_t have) {
  offer_cuts(have);
  const FetchChoice choice = decider_.choose(cuts_);
  fetch_.end = cuts_[choice.cut].block;
  delta_.explored_requests = choice.explored;
  if (decider_.policy().mode != FetchMode::hedged) return;
  const Duration saved = std::max(cuts_.front().recomputation - cuts_.back().recomputation, Duration(0));
  fetch_.budget = hedge_budget(decider_.policy(), saved);
  fetch_.give_up = fetch_.budget + saved;
}

/// Nothing, and everything; where windows or states make bytes jump, some between.
void Pipeline::offer_cuts(std::size_t have) {
  const auto& parts = plan_.geometry->parts();
  const bool tails = std::any_of(parts.begin(), parts.end(), [](const KvPart& part) { return part.tail(); });
  const std::size_t hit = lease_.leading - have, steps = tails ? std::min(hit, kMostCuts) : 1;
  cuts_.clear();
  for (std::size_t i = 0; i <= steps; ++i) {
    const std::size_t block = have + hit * i / steps;
    cuts_.push_back({block, moved_bytes(have, block), prefill_behind(block)});
  }
}

std::uint64_t Pipeline::moved_bytes(std::size_t from, std::size_t to) const {
  return plan_.geometry->moved_behind(from, std::min(before(to), request_.input)).count();
}

/// Learns from a fetch that was made, and lets a hedge take what ended first.
void Pipeline::settle_fetch(std::size_t have) {
  if (stopped_) return;
  const Duration all = prefill_behind(have), rest = prefill_behind(hit_end_);
  if (hit_end_ == fetch_.end && fetch_measured_ <= fetch_.give_up) {
    fetch_.took = fetch_wall_;
    decider_.learn({fetch_.bytes, fetch_wall_}, all - rest);
  }
  if (decider_.policy().mode != FetchMode::hedged) return;
  const HedgeOutcome outcome = hedge(fetch_.budget, fetch_wall_, rest, all);
  delta_.hedges_started = outcome.started;
  fetch_.wasted = outcome.wasted;
  if (!outcome.recomputation_won) return;
  fetch_.late_ttft = fetch_wall_ + rest;
  lose_hedge(have, outcome.waited);
}

/// What came, came too late: the request waited for nothing, and computes everything.
void Pipeline::lose_hedge(std::size_t have, Duration waited) {
  delta_.hedges_recomputed = 1;
  for (const Item& moved : std::span(items_).first(taken_)) delta_.late_bytes += moved.shape.bytes().count();
  hit_end_ = fetch_.end = have;
  fetch_wall_ = fetch_measured_ = spent(Phase::transfer_in) = waited;
  for (const Phase phase : {Phase::decode, Phase::upload}) {
    spent(phase) = Duration(0);
    happened_[static_cast<std::size_t>(phase)] = false;
  }
}

void Pipeline::judge_fetch(Duration ttft, Duration baseline) {
  if (fetch_.took) recorded_.fetches.add({fetch_.bytes, *fetch_.took});
  if (ttft < baseline) {
    delta_.won_requests = 1;
    delta_.won_token_hits = delta_.token_hits;
    recorded_.won_s += seconds(baseline - ttft);
  } else {
    recorded_.lost_s += seconds(ttft - baseline);
  }
  const double stage_gpus = static_cast<double>(plan_.gpus) / std::max(plan_.pp, 1U);
  const Duration recomputed = baseline - spent(Phase::queue);
  recorded_.saved_gpu_s += std::max(0.0, seconds(recomputed - spent(Phase::prefill))) * stage_gpus;
  recorded_.hedge_wasted_gpu_s += seconds(fetch_.wasted) * stage_gpus;
  if (fetch_.had) judge_choice(ttft, recomputed);
}

/// Both ways are known where the hit was fetched, for recomputing is the baseline; else fetching is predicted. Where
/// nothing can be predicted nothing is judged.
void Pipeline::judge_choice(Duration ttft, Duration recomputed) {
  const Duration chosen = fetch_wall_ + spent(Phase::prefill);
  Duration best = std::min(chosen, recomputed);
  if (fetch_.late_ttft) {
    best = std::min(best, *fetch_.late_ttft);
  } else if (fetch_.bytes == 0) {
    const auto predicted = decider_.predict(moved_bytes(fetch_.end, lease_.leading));
    if (!predicted) return;
    best = std::min(best, *predicted + prefill_behind(lease_.leading));
    delta_.predicted_requests = 1;
  }
  delta_.judged_requests = 1;
  delta_.wrong_requests = seconds(chosen) > seconds(best) * (1 + kWrongBy);
  recorded_.regret.record(chosen - best);
  recorded_.judged_ttft_s += seconds(ttft);
}

}  // namespace kv
