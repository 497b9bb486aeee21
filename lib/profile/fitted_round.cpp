#include "profile/fitted_round.hpp"

#include <algorithm>
#include <cmath>

#include "profile/tolerances.hpp"

namespace kv {
namespace {

// How what is wanted of a candidate weighs, against the curve's debt.
constexpr double kDistanceWeight = 1.0, kLeftWeight = 0.3, kDepthWeight = 1.5;
constexpr unsigned kCandidates = 4;         // of each kind that are looked at
constexpr std::size_t kWindow = 256;        // requests that may change places
constexpr double kFarAway = 0.1;            // from the distance wanted
constexpr double kTrade = 0.0005;           // what a trade costs of the difference
constexpr std::size_t kTradeWindow = 4096;  // or what they share

}  // namespace

Round::Round(const FittedProfile& profile, std::uint64_t seed)
    : profile_(profile),
      random_(seed),
      plan_(plan_requests(profile, random_)),
      arrivals_(plan_arrivals(profile, random_)),
      stack_(profile.requests),
      debt_(profile.reuse, blocks_of(plan_)) {
  wanted_inputs_.reserve(plan_.size());
  for (std::uint32_t i = 0; i < plan_.size(); ++i) {
    wanted_inputs_.push_back(plan_[i].input);
    if (plan_[i].repeated) repeats_.emplace(plan_[i].input, i);
  }
  std::sort(wanted_inputs_.begin(), wanted_inputs_.end());
}

void Round::tell_hits(const Candidate& candidate) {
  debt_.begin();
  std::uint32_t last = UINT32_MAX, base = 0;
  tree_.owners(candidate.run, candidate.depth, [&](std::uint32_t owner, std::uint32_t from, std::uint32_t to) {
    if (owner != last) base = stack_.position(owner, from) - from;
    last = owner;
    debt_.add(base + from, base + to);
  });
}

void Round::consider(const Candidate& candidate, std::uint32_t distance, double extra) {
  tell_hits(candidate);
  const std::uint32_t run = tree_.at_depth(candidate.run, candidate.depth);
  const double got = stack_.position(tree_.owner(run, candidate.depth), candidate.depth);
  const double away = (got - distance) / (got + distance);
  const double miss = away * candidate.depth;
  const double bins = static_cast<double>(profile_.reuse.capacities.size());
  const double cost = debt_.after() + kDistanceWeight * bins * miss * miss + extra;
  if (best_.run == PromptTree::kRoot || cost < best_cost_) {
    best_ = candidate;
    best_cost_ = cost;
    best_away_ = std::abs(away);
  }
}

void Round::consider_owner(std::uint32_t owner, std::uint32_t depth, std::uint32_t distance, std::uint32_t left) {
  const double bins = static_cast<double>(profile_.reuse.capacities.size());
  const double has = blocks_of(inputs_[owner]) - depth;
  double off = (has - left) * kLeftWeight;
  off = std::min<double>(std::abs(off), depth);
  consider({tails_[owner], depth, 0}, distance, bins * off * off);
}

void Round::consider_ends(const PlannedRequest& request, std::uint32_t start, std::uint32_t depth,
                          std::uint32_t distance) {
  for (std::uint32_t d = depth + (request.left > 1 ? request.left - 1 : 0); d <= depth + request.left + 1; ++d) {
    if (d >= by_reusable_.size()) break;
    const auto& ends = by_reusable_[d];
    const auto from = std::lower_bound(ends.begin(), ends.end(), start);
    unsigned tries = 0, found = 0;
    for (auto at = from; at != ends.end() && tries < 8 && found < 1; ++at, ++tries) {
      if (stack_.taken(*at) < depth) consider_owner(*at, depth, distance, request.left), ++found;
    }
    tries = found = 0;
    for (auto at = from; at != ends.begin() && tries < 8 && found < 1; ++tries) {
      --at;
      if (stack_.taken(*at) < depth) consider_owner(*at, depth, distance, request.left), ++found;
    }
  }
}

std::set<std::pair<std::uint32_t, std::uint32_t>>::const_iterator Round::nearest_repeat(std::uint32_t input) const {
  auto near = repeats_.lower_bound({input, 0});
  if (near == repeats_.begin()) return near;
  if (near == repeats_.end() || near->first - input > input - std::prev(near)->first) --near;
  return near;
}

/// Lets a later request share what no prompt is deep enough for yet, and this one be what that would have been.
void Round::trade_reuse(std::uint32_t me) {
  PlannedRequest& request = plan_[me];
  if (request.depth == 0 || request.repeated || request.depth <= 2 * deepest_) return;
  const std::size_t last = std::min(plan_.size(), me + std::size_t{kTradeWindow});
  for (std::size_t i = me + 1; i < last; ++i) {
    PlannedRequest& other = plan_[i];
    if (other.depth != 0 || blocks_of(other.input) <= request.depth) continue;
    std::swap(request.depth, other.depth);
    std::swap(request.distance, other.distance);
    std::swap(request.left, other.left);
    return;
  }
}

/// A prompt that came again had another length than planned: a later one gets that in exchange, so that all lengths
/// together stay those of the plan.
void Round::trade_length(std::uint32_t planned, std::uint32_t got) {
  if (planned == got || repeats_.empty()) return;
  const auto near = nearest_repeat(got);
  const auto [input, request] = *near;
  if (std::max(input, got) - std::min(input, got) > std::max(planned, got) - std::min(planned, got)) return;
  repeats_.erase(near);
  plan_[request].input = planned;
  repeats_.emplace(planned, request);
}

double Round::error() const {
  double worst = debt_.error(refs_);
  std::vector<std::uint32_t> got = inputs_;
  std::sort(got.begin(), got.end());
  for (const std::size_t percent : kLengthPercentiles) {
    const double off = at_percentile(got, percent) / at_percentile(wanted_inputs_, percent) - 1;
    worst = std::max(worst, std::abs(off) / kLengthTolerance);
  }
  return worst;
}

/// The prompts at the distance wanted, shared as deep as suits them.
void Round::consider_there(const PlannedRequest& request, std::uint32_t start, std::uint32_t depth,
                           std::uint32_t distance) {
  const double bins = static_cast<double>(profile_.reuse.capacities.size());
  const std::uint32_t around = kCandidates / 2;
  for (std::uint32_t i = start - std::min(start, around); i <= start + around && i < stack_.size(); ++i) {
    const std::uint32_t end = full_blocks(inputs_[i]);
    std::uint32_t fits = std::min(end - std::min(end, request.left), blocks_of(request.input) - 1);
    if (end >= depth && std::max(fits, depth) - std::min(fits, depth) <= 1 + depth / 16) fits = depth;
    if (fits == 0 || fits <= stack_.taken(i)) continue;
    const double off = kDepthWeight * (static_cast<double>(fits) - depth);
    consider({tails_[i], fits, 0}, distance, bins * off * off);
  }
}

/// Lets a request of the next few go first that fits the prompt which stands where this one looks for its own. Where
/// prompts come again in the order in which they came, none but that one will do.
void Round::bring_forward(std::uint32_t me) {
  PlannedRequest& request = plan_[me];
  if (request.depth == 0 || request.repeated || stack_.blocks() == 0) return;
  const std::uint32_t distance = std::max(request.distance, request.depth);
  const std::uint32_t owner = stack_.owner_at(std::min(distance, stack_.blocks()));
  const std::int64_t end = blocks_of(inputs_[owner]), taken = stack_.taken(owner);
  const auto fits = [&](const PlannedRequest& r) {
    return std::abs(std::int64_t{r.depth} + r.left - end) <= 1 + r.depth / 16 && r.depth > taken;
  };
  if (fits(request)) return;
  const auto window = std::min<std::size_t>(kWindow, plan_.size() / 64);
  const std::size_t last = std::min(plan_.size(), me + window);
  for (std::size_t i = me + 1; i < last; ++i) {
    PlannedRequest& other = plan_[i];
    const double far = std::abs(static_cast<double>(other.distance) - distance);
    if (other.depth == 0 || other.repeated || far * 16 > distance || !fits(other)) continue;
    std::swap(request, other);  // neither is repeated
    return;
  }
}

Candidate Round::choose(const PlannedRequest& request) {
  best_ = {};
  if (request.depth == 0) return best_;
  const std::uint32_t room = std::min(blocks_of(request.input) - 1 - request.depth, request.depth / 8 + 1);
  const std::int64_t more = std::clamp<std::int64_t>(lost_, -std::int64_t{request.depth / 8}, room);
  const auto depth = static_cast<std::uint32_t>(std::min<std::int64_t>(request.depth + more, deepest_));
  lost_ += request.depth;
  if (depth == 0) return best_;
  const std::uint32_t distance = std::max(request.distance, depth);
  const std::uint32_t start = stack_.owner_at(std::min(distance, stack_.blocks()));
  std::optional<std::uint32_t> at = stack_.older(start, depth);
  for (unsigned i = 0; at && i < kCandidates; ++i) {
    consider_owner(*at, depth, distance, request.left);
    at = *at == 0 ? std::nullopt : stack_.older(*at - 1, depth);
  }
  at = start + 1 < stack_.size() ? stack_.newer(start + 1, depth) : std::nullopt;
  for (unsigned i = 0; at && i < kCandidates; ++i) {
    consider_owner(*at, depth, distance, request.left);
    at = *at + 1 == stack_.size() ? std::nullopt : stack_.newer(*at + 1, depth);
  }
  consider_ends(request, start, depth, distance);
  if (best_.run == PromptTree::kRoot || best_away_ > kFarAway) consider_there(request, start, depth, distance);
  if (best_.run == PromptTree::kRoot) consider({tails_[deepest_request_], depth, 0}, distance, 0);
  lost_ -= best_.depth;
  return best_;
}

Candidate Round::choose_repeat(const PlannedRequest& request) {
  best_ = {};
  const std::uint32_t depth = blocks_of(request.input);
  const double block = static_cast<double>(profile_.block_size.count());
  const double bins = static_cast<double>(profile_.reuse.capacities.size());
  const auto off = [&](std::uint32_t input) {
    // Another length will do that a later one can take in exchange.
    const auto near = nearest_repeat(input);
    const double other = near == repeats_.end() ? request.input : near->first;
    const double own = std::abs(1.0 - static_cast<double>(request.input) / input);
    const double away = std::min(std::abs(1.0 - other / input) + kTrade * own, own);
    const double error = away * 60 * depth;
    return bins * error * error;
  };
  if (stack_.blocks() > 0) {
    const std::uint32_t there = stack_.owner_at(std::clamp(request.distance, 1U, stack_.blocks()));
    for (std::uint32_t i = there - std::min(there, kCandidates); i <= there + kCandidates; ++i) {
      if (i >= stack_.size() || stack_.taken(i) >= blocks_of(inputs_[i])) continue;
      consider({tails_[i], blocks_of(inputs_[i]), inputs_[i]}, std::max(request.distance, 1U), off(inputs_[i]));
    }
  }
  // Prompts that end in a block of their own, by length.
  unsigned looked = 0;
  const auto look = [&](std::uint32_t input, const std::vector<std::uint32_t>& runs) {
    for (std::size_t i = runs.size(); i-- > 0 && looked < 4 * kCandidates; ++looked) {
      consider({runs[i], tree_.last_depth(runs[i]), input}, std::max(request.distance, depth), off(input));
    }
  };
  auto above = endings_.lower_bound(request.input);
  for (auto at = above; at != endings_.end() && looked < 2 * kCandidates; ++at) look(at->first, at->second);
  for (auto at = above; at != endings_.begin() && looked < 4 * kCandidates;) {
    --at;
    look(at->first, at->second);
  }
  // And whole blocks of any.
  const auto whole = static_cast<std::uint32_t>(std::llround(request.input / block));
  if (whole >= 1 && whole <= deepest_) {
    const std::uint32_t distance = std::max(request.distance, whole);
    const std::uint32_t start = stack_.owner_at(std::min(distance, stack_.blocks()));
    const auto input = static_cast<std::uint32_t>(whole * profile_.block_size.count());
    for (auto at : {stack_.older(start, whole), stack_.newer(start, whole)}) {
      if (at) consider({tails_[*at], whole, input}, distance, off(input));
    }
  }
  return best_;
}

PlannedRequest Round::next(std::vector<BlockId>* ids, std::uint64_t& at_ms) {
  const std::uint32_t me = stack_.size();
  trade_reuse(me);
  bring_forward(me);
  PlannedRequest request = plan_[me];
  if (request.repeated) repeats_.erase({request.input, me});
  at_ms = arrivals_[me];
  debt_.owe(me, blocks_of(request.input));
  Candidate from = request.repeated ? choose_repeat(request) : choose(request);
  if (from.input != 0) {
    trade_length(request.input, from.input);
    request.input = from.input;
  }
  const std::uint32_t blocks = blocks_of(request.input);
  if (from.depth > 0) {
    tell_hits(from);
    debt_.settle();
    tree_.touch(from.run, from.depth, me, stack_);
  }
  std::uint32_t tail = from.depth > 0 ? tree_.at_depth(from.run, from.depth) : PromptTree::kRoot;
  const std::uint32_t full = full_blocks(request.input);
  if (blocks > from.depth) {
    tail = tree_.add(tail, from.depth + 1, blocks, me);
    if (full < blocks) endings_[request.input].push_back(tail);
  }
  refs_ += blocks;
  stack_.push(blocks, full);
  tails_.push_back(tail);
  inputs_.push_back(request.input);
  if (by_reusable_.size() <= full) by_reusable_.resize(full + std::size_t{1});
  by_reusable_[full].push_back(me);
  if (full > deepest_) {
    deepest_ = full;
    deepest_request_ = me;
  }
  if (ids != nullptr) tree_.ids(tail, blocks, *ids);
  return request;
}

}  // namespace kv
