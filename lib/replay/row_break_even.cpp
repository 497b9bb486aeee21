#include "replay/row_break_even.hpp"

#include <algorithm>

namespace kv {
namespace {

/// The mean hit of the backend, in whole blocks, and what of the mean prompt is behind it, at least a token.
void find_reference(const ReplayPlan& plan, const Counts& counts, RowBreakEven& row) {
  if (counts.requests_with_hit == 0) return;
  const std::uint64_t block = plan.workload->block_size().count();
  const std::uint64_t hit = counts.token_hits / counts.requests_with_hit;
  const std::uint64_t prompt = counts.input_tokens / counts.requests;
  row.reference = Tokens(std::max<std::uint64_t>(hit / block, 1) * block);
  row.behind = Tokens(std::max<std::uint64_t>(prompt > row.reference.count() ? prompt - row.reference.count() : 0, 1));
}

bool two_sizes(std::span<const FetchSample> fetches) {
  return std::any_of(fetches.begin(), fetches.end(),
                     [&](const FetchSample& f) { return f.bytes != fetches.front().bytes; });
}

}  // namespace

RowBreakEven row_break_even(const ReplayPlan& plan, const RunResult& result) {
  RowBreakEven row;
  Repetition all;
  for (const Repetition& r : result.repetitions) all.merge(r);
  const std::uint32_t pp = std::max(plan.pp, 1U);
  const FetchEngine engine{plan.prefill, plan.geometry, plan.gpus / pp, pp, plan.gpu.hbm_bytes_per_s};
  if (plan.geometry->scaled() || all.counts.requests == 0) return row;
  const bool on_cpu =
      plan.engine != nullptr && !plan.engine->info().is_cuda;  // of which the GPU's figures tell nothing
  if (!on_cpu) row.decode_lost_gpu = decode_lost_gpu_time(engine, Bytes(all.counts.uploaded_bytes));
  find_reference(plan, all.counts, row);
  if (row.reference == Tokens(0)) return row;
  row.reference_recompute = recompute_time(*plan.prefill, row.reference, row.behind);

  FetchCost network;  // what the network alone must bring, were it all that there is
  const auto& c = all.counts;
  if (c.stored_bytes > 0 && c.stored_value_bytes > 0) {
    network.stored_per_payload = static_cast<double>(c.stored_value_bytes) / static_cast<double>(c.stored_bytes);
  }
  row.needed = bandwidth_needed(engine, network, row.reference, row.behind);

  const std::span<const FetchSample> fetches = all.fetches.samples();
  row.fetches = fetches.size();
  if (row.fetches < kEnoughFetches || !two_sizes(fetches)) return row;
  row.line = fit_fetches(fetches);
  row.line->fixed_s += static_cast<double>(all.phases[static_cast<std::size_t>(Phase::lookup)].quantile(0.5)) * 1e-9;
  FetchCost cost;
  cost.latency = network.latency = from_seconds(row.line->fixed_s);
  cost.bytes_per_s = 1 / row.line->s_per_byte;  // of payload; infinite where bytes took no time
  row.needed_behind_latency = bandwidth_needed(engine, network, row.reference, row.behind);
  row.reference_fetch = fetch_time(engine, cost, row.reference);
  row.limit = Tokens(0);
  for (std::size_t r = 0; r < plan.workload->size(); ++r) row.limit = std::max(row.limit, (*plan.workload)[r].input);
  row.prefix = break_even_prefix(engine, cost, row.behind, row.limit);
  return row;
}

}  // namespace kv
