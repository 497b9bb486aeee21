#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "engine/engine.hpp"
#include "fetch/break_even.hpp"
#include "fetch/policy.hpp"
#include "metrics/histogram.hpp"
#include "prefill/prefill.hpp"

namespace kv {

/// The phases of a request, in order; names are those of the report.
enum class Phase { queue, lookup, transfer_in, decode, upload, prefill, download, encode, transfer_out };
inline constexpr std::size_t kPhases = 9;
std::string_view phase_name(Phase phase);

/// Exact counts of one repetition. block_refs = hits + everything else, and for bytes:
/// fetched + engine + unneeded + declined + stored + unstored = payload bytes of all measured requests, and
/// unstored = refused + present + failed. Of requests that are not measured (warm-up, or stopped by the user before
/// they were whole) ops, failed_ops and corrupt_values are counted and nothing else.
struct Counts {
  std::uint64_t requests = 0, block_hits = 0, block_refs = 0, token_hits = 0, input_tokens = 0, requests_with_hit = 0;
  std::optional<std::uint64_t> insertions, evictions;  ///< none: the backend does not tell
  std::uint64_t engine_block_hits = 0, engine_token_hits = 0, engine_requests_with_hit = 0;
  std::uint64_t fetched_bytes = 0, stored_bytes = 0, unstored_bytes = 0;
  std::uint64_t unstored_refused_bytes = 0;  ///< not accepted: no room, or another request was storing it just then
  std::uint64_t unstored_present_bytes = 0;  ///< stored before, but not served: behind a gap or a failed fetch
  std::uint64_t unstored_failed_bytes = 0;   ///< the lookup or the store failed
  std::uint64_t engine_bytes = 0;            ///< in the backend, but not fetched: the engine's own cache had it
  std::uint64_t unneeded_bytes = 0;          ///< windows and states inside a hit, of which only the last is fetched
  std::uint64_t declined_bytes = 0;          ///< in the backend, but the fetch policy let it recompute
  std::uint64_t declined_requests = 0, declined_block_hits = 0, declined_token_hits = 0;
  std::uint64_t explored_requests = 0;   ///< fetched by an adaptive policy to learn what fetches take
  std::uint64_t hedges_started = 0;      ///< fetches that took longer than their budget
  std::uint64_t hedges_recomputed = 0;   ///< of them: recomputation ended first, so that the hit counts as declined
  std::uint64_t late_bytes = 0;          ///< payload that was moved for those, in vain
  std::uint64_t won_requests = 0;        ///< TTFT below the baseline
  std::uint64_t won_token_hits = 0;      ///< tokens that the backend served to them
  std::uint64_t judged_requests = 0;     ///< the backend had something, and both ways are known or predicted
  std::uint64_t predicted_requests = 0;  ///< of them: one way is the predictor's
  std::uint64_t wrong_requests = 0;      ///< of them: took more than 0.1 % longer than the other way
  std::uint64_t stored_value_bytes = 0;  ///< what the stored payloads weigh encoded, headers included
  std::uint64_t uploaded_bytes = 0;      ///< over all ranks
  std::optional<std::uint64_t> wire_in_bytes, wire_out_bytes, orphan_bytes;
  LifetimeCounts lifetimes;
  std::uint64_t failed_requests = 0, failed_ops = 0, ops = 0, corrupt_values = 0, verified_bytes = 0;
  std::uint64_t slower_requests = 0;         ///< TTFT more than 0.1 % above the baseline
  std::uint64_t slower_without_hit = 0;      ///< of them: the backend served nothing
  std::uint64_t slower_most_token_hits = 0;  ///< a maximum: tokens that the backend served to one of them

  /// Sums what workers count (takes the larger of maxima); insertions, evictions, wire bytes and lifetimes are the
  /// backend's and stay as they are.
  void add(const Counts& other);
};

/// What --check-logits found: the logits behind KV that was stored and fetched, beside those behind KV that never was
/// (at the same chunking) and those of recomputing all that the engine's own cache does not have.
struct LogitFindings {
  bool lossless = false;               ///< the codec's claim
  std::uint64_t requests = 0;          ///< that were checked
  std::uint64_t not_kept = 0;          ///< that could not be, for there was no memory to keep what was stored
  std::uint64_t identical = 0;         ///< of them: bit by bit as behind KV that was never stored
  std::uint64_t misplaced_pieces = 0;  ///< values that lay in the engine other than they had been stored
  std::uint64_t beyond_bound = 0;      ///< requests further than the bound from recomputing
  std::uint64_t decided = 0;           ///< recomputing's best two logits are further apart than twice the bound
  std::uint64_t decided_same = 0;      ///< of them: the same token wins
  double bound = 0;                    ///< the largest of them: see logit_bound()
  double most_from_unstored = 0, most_from_recomputed = 0;  ///< largest distances of any logit

  /// What must hold: nothing misplaced; where the codec loses nothing, identical, within the bound, the same token.
  bool hold() const {
    return misplaced_pieces == 0 &&
           (!lossless || (identical == requests && beyond_bound == 0 && decided_same == decided));
  }
  void add(const LogitFindings& other);
};

/// One repetition of one backend x codec: exact counts, and every sample as a histogram.
struct Repetition {
  Counts counts;
  Histogram ttft, ttft_baseline, store_lag;
  Histogram speedup_millionths;  ///< per request: baseline / with cache x 10^6
  double log_speedup_sum = 0;
  std::array<Histogram, kPhases> phases;
  double busy_s = 0;              ///< all phases, modelled ones included, summed over workers: TTFT + storing
  double fetch_s = 0;             ///< of it: transfer_in and decode, where both run at once counted once
  double fetch_wall_s = 0;        ///< the same with upload
  double store_s = 0;             ///< of it: encode and transfer_out, likewise
  double store_wall_s = 0;        ///< the same with download
  double hedge_wasted_gpu_s = 0;  ///< computed in vain, because the fetch came first after all
  double saved_gpu_s = 0;         ///< prefill that the GPUs did not do
  double won_s = 0, lost_s = 0;   ///< below the baseline's TTFT, and above it, summed over requests
  Histogram regret;               ///< of the judged requests: TTFT less that of the better way
  double judged_ttft_s = 0;
  FetchLog fetches;   ///< payload and time of those that came whole
  double wall_s = 0;  ///< elapsed: off-clock work included, modelled phases not
  bool interrupted = false;
  std::optional<LogitFindings> logits;  ///< none: not asked for

  /// Adds another worker's share of the same repetition; wall_s and the backend's counts are not summed.
  void merge(const Repetition& other);
};

inline constexpr std::size_t kMaxErrorExamples = 8;

/// What a row's own fetches say about fetching. The reference is the mean hit, with the mean rest of a prompt behind
/// it.
struct RowBreakEven {
  std::size_t fetches = 0;        ///< that came whole, at most some hundred a worker of many
  std::optional<FetchLine> line;  ///< of payload, the median lookup in its fixed part; none: too few fetches
  Tokens limit;                   ///< the longest prompt
  std::optional<Tokens> prefix;   ///< from here on fetching wins; none: at no length up to the limit, or no line
  Tokens reference, behind;       ///< 0: the backend served nothing
  std::optional<Duration> reference_fetch, reference_recompute;
  std::optional<NeededBandwidth> needed, needed_behind_latency;  ///< none: no bandwidth is enough, or not known
  std::optional<Duration> decode_lost_gpu;                       ///< over all repetitions
};

/// One row of `.runs[]`.
struct RunResult {
  std::string backend, codec;
  ServerInfo server;
  Capabilities capabilities;
  bool scaled = false;
  std::uint32_t workers = 1;
  bool overlaps = false;              ///< transfers and codec ran at once
  std::optional<Bytes> engine_cache;  ///< null: off
  FetchPolicy fetch;
  RowBreakEven break_even;
  std::string prefill_provenance, prefill_device, upload_provenance;
  std::optional<double> prefill_utilisation;
  std::optional<PrefillMargin> prefill_margin;
  std::optional<EngineInfo> engine;  ///< that computed; none: prefill was not measured
  std::vector<Repetition> repetitions;
  std::optional<double> harness_overhead_ns_per_request;  ///< measured with null: in this same run
  std::vector<std::string> error_examples;                ///< at most kMaxErrorExamples, keys named
  std::vector<std::string> warnings;
  std::optional<std::string> skipped;  ///< why this row could not run at all (the others go on)
};

}  // namespace kv
