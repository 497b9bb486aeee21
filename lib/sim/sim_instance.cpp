#include "sim/sim_instance.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace kv {

bool SimInstance::admissible(const InFlight& request) const {
  return prefilling_.size() + decoding_.size() < limits_.slots && request.tokens() <= limits_.kv_tokens - kv_used_;
}

void SimInstance::ready(InFlightPool& pool, std::uint32_t slot, double now_s) {
  waiting_.push_back(slot);
  if (next_s_ == kNever) {  // not begun at once: others may come at the same time, and share the step
    planned_ = pieces_ = 0;
    start_s_ = next_s_ = std::max(now_s, free_s_);
    return;
  }
  if (pieces_ > 0 || planned_ == 0 || !admissible(pool[waiting_.front()])) return;
  planned_ = std::min(planned_, steps_until(now_s - start_s_));
  next_s_ = start_s_ + run_s(planned_);
}

void SimInstance::end(InFlightPool& pool, std::vector<std::uint32_t>& ended) {
  const double now = next_s_;
  busy_s_ += now - start_s_;
  free_s_ = now;
  const std::uint64_t decoded = planned_ * decoding_.size();
  steps_ += planned_;
  decoded_ += decoded;
  context_ += static_cast<double>(decoded);
  end_decoding(pool, now, ended);
  end_pieces(pool, now, ended);
  planned_ = pieces_ = 0;
}

void SimInstance::end_decoding(InFlightPool& pool, double now_s, std::vector<std::uint32_t>& ended) {
  while (!decoding_.empty() && decoding_.front().last_step <= steps_) {
    std::pop_heap(decoding_.begin(), decoding_.end(), std::greater<>());
    const std::uint32_t slot = decoding_.back().slot;
    decoding_.pop_back();
    context_ -= static_cast<double>(pool[slot].tokens());
    leave(pool, slot, now_s, ended);
  }
  if (decoding_.empty()) context_ = 0;
}

void SimInstance::end_pieces(InFlightPool& pool, double now_s, std::vector<std::uint32_t>& ended) {
  for (std::uint64_t left = pieces_; left > 0; --left) {
    const std::uint32_t slot = prefilling_.front();
    InFlight& request = pool[slot];
    request.done += request.piece;
    if (request.done < request.fresh) break;  // the last one, which the budget cut
    prefilling_.pop_front();
    request.first_token_s = now_s;
    free_s_ += request.store_s;
    busy_s_ += request.store_s;
    if (request.output <= 1) {
      leave(pool, slot, now_s, ended);
      continue;
    }
    // Its next step reads its prompt and its first token.
    context_ += static_cast<double>(request.prefix + request.fresh + 1);
    decoding_.push_back({steps_ + request.output - 1, slot});
    std::push_heap(decoding_.begin(), decoding_.end(), std::greater<>());
  }
}

void SimInstance::leave(InFlightPool& pool, std::uint32_t slot, double now_s, std::vector<std::uint32_t>& ended) {
  kv_used_ -= pool[slot].tokens();
  pool[slot].end_s = now_s;
  ended.push_back(slot);
}

void SimInstance::begin(InFlightPool& pool) {
  const double now = next_s_;
  start_s_ = next_s_ = std::max(now, free_s_);
  if (free_s_ > now) return;  // a store holds it; who comes until then takes part
  while (!waiting_.empty() && admissible(pool[waiting_.front()])) {
    kv_used_ += pool[waiting_.front()].tokens();
    prefilling_.push_back(waiting_.front());
    waiting_.pop_front();
  }
  if (!prefilling_.empty()) return plan_pass(pool);
  next_s_ = kNever;
  if (decoding_.empty()) return;
  planned_ = decoding_.front().last_step - steps_;
  next_s_ = start_s_ + run_s(planned_);
}

void SimInstance::plan_pass(InFlightPool& pool) {
  std::uint64_t budget = limits_.token_budget - decoding_.size(), fresh = 0;
  double pairs = 0;
  for (const std::uint32_t slot : prefilling_) {
    if (budget == 0) break;
    InFlight& request = pool[slot];
    const std::uint64_t take = std::min(budget, request.fresh - request.done);
    const auto tokens = static_cast<double>(take);
    if (request.done == 0) request.prefill_s = start_s_;
    request.piece = static_cast<std::uint32_t>(take);
    pairs += tokens * (static_cast<double>(request.prefix + request.done) + tokens / 2);
    fresh += take;
    budget -= take;
    ++pieces_;
  }
  planned_ = 1;
  double took = pass_s(*limits_.prefill, pairs, fresh, decoding_.size());
  if (!decoding_.empty()) {
    const auto sequences = static_cast<double>(decoding_.size());
    took = std::max(took, limits_.decode->batch_s[decoding_.size() - 1]) + sequences * limits_.decode->sequence_s +
           context_ * limits_.decode->context_token_s;
  }
  next_s_ = start_s_ + took;
}

/// Of so many steps of decoding from start_s_ on: in the k-th, k = 0 .., each sequence reads k tokens more.
double SimInstance::run_s(std::uint64_t steps) const {
  const auto k = static_cast<double>(steps), n = static_cast<double>(decoding_.size());
  return k * limits_.decode->step_s(decoding_.size(), context_) + limits_.decode->context_token_s * n * k * (k - 1) / 2;
}

/// The fewest steps of the run that take as long: the step in which `passed` falls is finished.
std::uint64_t SimInstance::steps_until(double passed_s) const {
  if (passed_s <= 0) return 0;
  if (run_s(planned_) <= passed_s) return planned_;
  // run_s(k) = (one - grown) k + grown k^2; the root in the form that loses no digits.
  const double grown = limits_.decode->context_token_s * static_cast<double>(decoding_.size()) / 2;
  const double linear = limits_.decode->step_s(decoding_.size(), context_) - grown;
  const double root = 2 * passed_s / (linear + std::sqrt(linear * linear + 4 * grown * passed_s));
  auto steps = static_cast<std::uint64_t>(std::clamp(std::ceil(root), 1.0, static_cast<double>(planned_)));
  while (steps > 1 && run_s(steps - 1) >= passed_s) --steps;
  while (steps < planned_ && run_s(steps) < passed_s) ++steps;
  return steps;
}

}  // namespace kv
