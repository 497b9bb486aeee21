#include <algorithm>
#include <cmath>

#include "replay/pipeline.hpp"

namespace kv {
namespace {

/// Below this a request is not called slower: a lookup of a microsecond is not what somebody waits for, and the
/// histograms resolve no finer.
constexpr double kSlowerBy = 0.001;

}  // namespace

/// Puts every block into exactly one class, so that the bytes of the classes add up to the request's payload.
void Pipeline::count_blocks(std::uint32_t engine_blocks) {
  const std::size_t hit_begin = std::min<std::size_t>(engine_blocks, lease_.leading);
  std::uint64_t fetched_parts = 0, hit_payload = 0;
  const auto& parts = plan_.geometry->parts();
  const Tokens n = std::min(before(hit_end_), request_.input);
  for (std::size_t i = 0; i < request_.blocks.size(); ++i) {
    const std::uint64_t bytes = payload_bytes(i).count();
    if (i < hit_begin) {
      delta_.engine_bytes += bytes;
    } else if (i >= engine_blocks && i < hit_end_) {
      hit_payload += bytes;
      for (const KvPart& part : parts) {
        if (i + plan_.geometry->needed_blocks(part, n) >= hit_end_) {
          fetched_parts += part.bytes(before(i), in_block(i)).count();
        }
      }
    } else if (accepted_[i] && missing_[i] == 0) {
      delta_.stored_bytes += bytes;
      delta_.stored_value_bytes += value_bytes_[i];
    } else if (i >= std::max<std::size_t>(fetch_.end, engine_blocks) && i < lease_.leading && !accepted_[i]) {
      delta_.declined_bytes += bytes;
    } else {
      count_unstored(i, bytes);
    }
  }
  delta_.fetched_bytes = fetched_parts;
  delta_.unneeded_bytes = hit_payload - fetched_parts;
}

/// Blocks that are there and that the policy did not want; what is not accepted for another reason is not among them.
void Pipeline::count_declined(std::uint32_t engine_blocks) {
  const std::size_t from = std::max<std::size_t>(fetch_.end, engine_blocks);
  if (lease_.leading <= from) return;
  delta_.declined_requests = 1;
  delta_.declined_block_hits = lease_.leading - from;
  delta_.declined_token_hits =
      (std::min(before(lease_.leading), request_.input) - std::min(before(from), request_.input)).count();
}

void Pipeline::count_unstored(std::size_t block, std::uint64_t bytes) {
  delta_.unstored_bytes += bytes;
  if (lease_.present[block]) {
    delta_.unstored_present_bytes += bytes;
  } else if (lookup_failed_ || accepted_[block]) {
    delta_.unstored_failed_bytes += bytes;
  } else {
    delta_.unstored_refused_bytes += bytes;
  }
}

/// A request that is not measured: warm-up, or stopped before it was whole.
void Pipeline::record_trouble() {
  Counts trouble;
  trouble.ops = delta_.ops;
  trouble.failed_ops = delta_.failed_ops;
  trouble.corrupt_values = delta_.corrupt_values;
  trouble.failed_requests = delta_.failed_requests;
  recorded_.counts.add(trouble);
}

void Pipeline::record(std::uint32_t engine_blocks) {
  count_blocks(engine_blocks);
  const Tokens engine_cached = std::min(before(engine_blocks), request_.input);
  const Tokens cached = std::min(before(hit_end_), request_.input);
  Counts& c = delta_;
  c.requests = 1;
  c.block_refs = request_.blocks.size();
  c.input_tokens = request_.input.count();
  c.block_hits = hit_end_ - engine_blocks;
  c.token_hits = (cached - engine_cached).count();
  c.requests_with_hit = c.block_hits != 0;
  c.engine_block_hits = engine_blocks;
  c.engine_token_hits = engine_cached.count();
  c.engine_requests_with_hit = engine_blocks != 0;
  count_declined(engine_blocks);
  record_times(cached, engine_cached);
  recorded_.counts.add(delta_);
}

void Pipeline::record_times(Tokens cached, Tokens engine_cached) {
  const auto prefill = [&](Tokens have) {
    const Tokens reusable = std::min(have, request_.input - Tokens(1));  // one token at least is computed
    return plan_.prefill->cost(reusable, request_.input - reusable);
  };
  if (!engine_) spent(Phase::prefill) = prefill(cached);
  happened(Phase::prefill);
  happened(Phase::queue);

  const Duration ttft = spent(Phase::queue) + spent(Phase::lookup) + fetch_wall_ + spent(Phase::prefill);
  const Duration baseline = spent(Phase::queue) + (engine_ ? baseline_ : prefill(engine_cached));
  recorded_.ttft.record(ttft);
  recorded_.ttft_baseline.record(baseline);
  const double ratio = seconds(baseline) / seconds(std::max(ttft, Duration(1)));
  recorded_.speedup_millionths.record(static_cast<std::uint64_t>(ratio * 1e6));
  recorded_.log_speedup_sum += std::log(ratio);
  if (seconds(ttft) > seconds(baseline) * (1 + kSlowerBy)) {
    delta_.slower_requests = 1;
    delta_.slower_without_hit = delta_.block_hits == 0;
    delta_.slower_most_token_hits = delta_.token_hits;
  }

  judge_fetch(ttft, baseline);
  if (!items_.empty() && std::count(accepted_.begin(), accepted_.end(), true) != 0) {
    recorded_.store_lag.record(store_wall_);
  }
  for (std::size_t p = 0; p < kPhases; ++p) {
    if (happened_[p]) recorded_.phases[p].record(spent_[p]);
  }
  recorded_.fetch_s += seconds(fetch_measured_);
  recorded_.fetch_wall_s += seconds(fetch_wall_);
  recorded_.store_s += seconds(store_measured_);
  recorded_.store_wall_s += seconds(store_wall_);
  recorded_.busy_s += seconds(ttft + store_wall_);
}

}  // namespace kv
