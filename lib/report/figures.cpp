#include "report/fields.hpp"

namespace kv {
namespace {

void add(Counts& sum, const Counts& more) {
  for (auto member : {&Counts::requests,          &Counts::block_hits,
                      &Counts::block_refs,        &Counts::token_hits,
                      &Counts::input_tokens,      &Counts::requests_with_hit,
                      &Counts::insertions,        &Counts::engine_block_hits,
                      &Counts::engine_token_hits, &Counts::engine_requests_with_hit,
                      &Counts::fetched_bytes,     &Counts::stored_bytes,
                      &Counts::unstored_bytes,    &Counts::engine_bytes,
                      &Counts::unneeded_bytes,    &Counts::stored_value_bytes,
                      &Counts::uploaded_bytes,    &Counts::wire_in_bytes,
                      &Counts::wire_out_bytes,    &Counts::failed_requests,
                      &Counts::failed_ops,        &Counts::ops,
                      &Counts::corrupt_values,    &Counts::verified_bytes,
                      &Counts::slower_requests}) {
    sum.*member += more.*member;
  }
  if (more.evictions) sum.evictions = sum.evictions.value_or(0) + *more.evictions;
}

void add(Repetition& sum, const Repetition& more) {
  sum.ttft.merge(more.ttft);
  sum.ttft_baseline.merge(more.ttft_baseline);
  sum.store_lag.merge(more.store_lag);
  sum.speedup_millionths.merge(more.speedup_millionths);
  for (std::size_t phase = 0; phase < kPhases; ++phase) sum.phases[phase].merge(more.phases[phase]);
  for (auto member : {&Repetition::log_speedup_sum, &Repetition::busy_s, &Repetition::store_s, &Repetition::fetch_s,
                      &Repetition::wall_s}) {
    sum.*member += more.*member;
  }
  sum.interrupted = sum.interrupted || more.interrupted;
}

Figures empty_figures(const RunResult& run) { return Figures{run, false, {}, {}, {}}; }

}  // namespace

Figures figures_of(const RunResult& run) {
  Figures figures = empty_figures(run);
  if (run.skipped || run.repetitions.empty()) return figures;
  figures.measured = true;
  for (const Repetition& repetition : run.repetitions) {
    add(figures.totals, repetition.counts);
    add(figures.times, repetition);
  }
  figures.counts = run.repetitions.front().counts;
  for (auto member : {&Counts::failed_requests, &Counts::failed_ops, &Counts::ops, &Counts::corrupt_values}) {
    figures.counts.*member = figures.totals.*member;
  }
  return figures;
}

Figures figures_of(const RunResult& run, std::size_t repetition) {
  Figures figures = empty_figures(run);
  figures.measured = true;
  figures.times = run.repetitions[repetition];
  figures.counts = figures.totals = figures.times.counts;
  return figures;
}

}  // namespace kv
