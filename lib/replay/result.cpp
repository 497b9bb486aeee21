#include "replay/result.hpp"

#include <algorithm>

namespace kv {

std::string_view phase_name(Phase phase) {
  switch (phase) {
    case Phase::queue:
      return "queue";
    case Phase::lookup:
      return "lookup";
    case Phase::transfer_in:
      return "transfer_in";
    case Phase::decode:
      return "decode";
    case Phase::upload:
      return "upload";
    case Phase::prefill:
      return "prefill";
    case Phase::download:
      return "download";
    case Phase::encode:
      return "encode";
    case Phase::transfer_out:
      return "transfer_out";
  }
  return "?";
}

void Counts::add(const Counts& o) {
  constexpr std::uint64_t Counts::*summed[] = {&Counts::requests,
                                               &Counts::block_hits,
                                               &Counts::block_refs,
                                               &Counts::token_hits,
                                               &Counts::input_tokens,
                                               &Counts::requests_with_hit,
                                               &Counts::engine_block_hits,
                                               &Counts::engine_token_hits,
                                               &Counts::engine_requests_with_hit,
                                               &Counts::fetched_bytes,
                                               &Counts::stored_bytes,
                                               &Counts::unstored_bytes,
                                               &Counts::unstored_refused_bytes,
                                               &Counts::unstored_present_bytes,
                                               &Counts::unstored_failed_bytes,
                                               &Counts::engine_bytes,
                                               &Counts::unneeded_bytes,
                                               &Counts::declined_bytes,
                                               &Counts::declined_requests,
                                               &Counts::declined_block_hits,
                                               &Counts::declined_token_hits,
                                               &Counts::explored_requests,
                                               &Counts::hedges_started,
                                               &Counts::hedges_recomputed,
                                               &Counts::late_bytes,
                                               &Counts::won_requests,
                                               &Counts::won_token_hits,
                                               &Counts::judged_requests,
                                               &Counts::predicted_requests,
                                               &Counts::wrong_requests,
                                               &Counts::stored_value_bytes,
                                               &Counts::uploaded_bytes,
                                               &Counts::failed_requests,
                                               &Counts::failed_ops,
                                               &Counts::ops,
                                               &Counts::corrupt_values,
                                               &Counts::verified_bytes,
                                               &Counts::slower_requests,
                                               &Counts::slower_without_hit};
  for (const auto member : summed) this->*member += o.*member;
  slower_most_token_hits = std::max(slower_most_token_hits, o.slower_most_token_hits);
}

void Repetition::merge(const Repetition& o) {
  counts.add(o.counts);
  ttft.merge(o.ttft);
  ttft_baseline.merge(o.ttft_baseline);
  store_lag.merge(o.store_lag);
  speedup_millionths.merge(o.speedup_millionths);
  for (std::size_t p = 0; p < kPhases; ++p) phases[p].merge(o.phases[p]);
  log_speedup_sum += o.log_speedup_sum;
  regret.merge(o.regret);
  for (const auto seconds : {&Repetition::hedge_wasted_gpu_s, &Repetition::saved_gpu_s, &Repetition::won_s,
                             &Repetition::lost_s, &Repetition::judged_ttft_s}) {
    this->*seconds += o.*seconds;
  }
  fetches.merge(o.fetches);
  busy_s += o.busy_s;
  fetch_s += o.fetch_s;
  fetch_wall_s += o.fetch_wall_s;
  store_s += o.store_s;
  store_wall_s += o.store_wall_s;
  interrupted = interrupted || o.interrupted;
  if (!o.logits) return;
  if (logits) {
    logits->add(*o.logits);
  } else {
    logits = o.logits;
  }
}

void LogitFindings::add(const LogitFindings& o) {
  lossless = o.lossless;
  for (const auto member :
       {&LogitFindings::requests, &LogitFindings::not_kept, &LogitFindings::identical, &LogitFindings::misplaced_pieces,
        &LogitFindings::beyond_bound, &LogitFindings::decided, &LogitFindings::decided_same}) {
    this->*member += o.*member;
  }
  for (const auto member :
       {&LogitFindings::bound, &LogitFindings::most_from_unstored, &LogitFindings::most_from_recomputed}) {
    this->*member = std::max(this->*member, o.*member);
  }
}

}  // namespace kv
