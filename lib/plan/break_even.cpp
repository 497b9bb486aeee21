#include "plan/break_even.hpp"

#include <algorithm>

namespace kv {
namespace {

/// An engine whose times are off by a factor: one end of its margin.
class ScaledPrefill final : public Prefill {
 public:
  ScaledPrefill(const Prefill& prefill, double factor) : prefill_(prefill), factor_(factor) {}
  Duration cost(Tokens cached, Tokens fresh) const override {
    return from_seconds(std::min(seconds(prefill_.cost(cached, fresh)) * factor_, kLongest));
  }
  Provenance provenance() const override { return prefill_.provenance(); }
  std::string device() const override { return prefill_.device(); }

 private:
  static constexpr double kLongest = 9e9;  // seconds that still fit a Duration: 285 years
  const Prefill& prefill_;
  double factor_;
};

std::optional<Tokens> prefix_with(const BreakEvenQuestion& q, double factor) {
  const ScaledPrefill scaled(*q.engine.prefill, factor);
  FetchEngine engine = q.engine;
  engine.prefill = &scaled;
  return break_even_prefix(engine, q.cost, q.behind, q.longest);
}

}  // namespace

std::vector<PromptHit> ideal_prefixes(const Workload& workload) {
  std::vector<PromptHit> out;
  out.reserve(workload.size());
  std::uint64_t seen = 0;  // blocks: dense ids are given in order of first appearance
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const auto blocks = workload.blocks(i);
    std::uint64_t known = 0;
    while (known < blocks.size() && blocks[known] < seen) ++known;
    seen += blocks.size() - known;
    const Tokens input = workload.input(i), size = workload.block_size();
    const std::uint64_t whole = std::min(known, (input.count() - 1) / size.count());
    out.push_back({whole * size, input});
  }
  return out;
}

WorkloadGain workload_gain(const FetchEngine& engine, const FetchCost& cost, std::span<const PromptHit> prompts) {
  WorkloadGain out;
  for (const PromptHit& prompt : prompts) {
    const double whole_s = seconds(engine.prefill->cost(Tokens(0), prompt.input));
    ++out.requests;
    out.input_tokens += prompt.input.count();
    out.recompute_s += whole_s;
    if (prompt.prefix == Tokens(0)) {
      out.always_fetch_s += whole_s;
      out.best_s += whole_s;
      continue;
    }
    ++out.requests_with_prefix;
    out.prefix_tokens += prompt.prefix.count();
    const Duration fetch = fetch_time(engine, cost, prompt.prefix);
    const Duration saved = recompute_time(*engine.prefill, prompt.prefix, prompt.input - prompt.prefix);
    const double fetching_s = whole_s - seconds(saved) + seconds(fetch);
    const bool wins = fetch < saved;
    out.always_fetch_s += fetching_s;
    out.best_s += wins ? fetching_s : whole_s;
    if (!wins) continue;
    ++out.winning_requests;
    out.winning_tokens += prompt.prefix.count();
    out.saved_gpu_s += seconds(saved_gpu_time(engine, saved));
    out.decode_lost_gpu_s += seconds(decode_lost_gpu_time(engine, engine.geometry->uploaded_prefix(prompt.prefix)));
  }
  return out;
}

BreakEvenAnswer answer(const BreakEvenQuestion& q) {
  BreakEvenAnswer out;
  out.recompute = recompute_time(*q.engine.prefill, q.prefix, q.behind);
  const double moved = static_cast<double>(q.engine.geometry->moved_prefix(q.prefix).count());
  out.stored = Bytes(static_cast<std::uint64_t>(moved * q.cost.stored_per_payload));
  FetchCost at_once = q.cost;
  at_once.latency = Duration(0);
  out.needed = bandwidth_needed(q.engine, at_once, q.prefix, q.behind);
  if (q.latency_known) out.needed_at_latency = bandwidth_needed(q.engine, q.cost, q.prefix, q.behind);
  if (!q.wire_known) return out;
  out.fetch = fetch_time(q.engine, q.cost, q.prefix);
  out.prefix = break_even_prefix(q.engine, q.cost, q.behind, q.longest);
  if (const auto margin = q.engine.prefill->margin()) {
    out.prefix_slow_engine = prefix_with(q, margin->high);
    out.prefix_fast_engine = prefix_with(q, margin->low);
  }
  if (!q.prompts.empty()) out.gain = workload_gain(q.engine, q.cost, q.prompts);
  return out;
}

}  // namespace kv
