#pragma once
#include <optional>
#include <string>
#include <vector>

#include "fetch/break_even.hpp"
#include "workload/workload.hpp"

namespace kv {

/// A prompt as far as break-even needs it: how much of it stood in an earlier prompt.
struct PromptHit {
  Tokens prefix;  ///< in whole blocks, and so that one token at least is left to compute
  Tokens input;
};
/// What a cache that never evicts holds of each request, in order: an upper bound of what there is to fetch.
std::vector<PromptHit> ideal_prefixes(const Workload& workload);

/// What is asked of one engine and one way to it.
struct BreakEvenQuestion {
  FetchEngine engine;
  FetchCost cost;  ///< bytes_per_s counts only with `wire_known`
  bool wire_known = false;
  bool latency_known = false;          ///< cost.latency is somebody's figure, not 0 for want of one
  Tokens prefix{8192};                 ///< at which times and the bandwidth needed are told
  Tokens behind{128};                  ///< tokens that follow the prefix and are computed in any case
  Tokens longest{131072};              ///< up to which the break-even prefix is looked for
  std::span<const PromptHit> prompts;  ///< of a workload; empty: none
};

/// What fetching does for a workload whose prefixes are all there. Times are sums over its requests.
struct WorkloadGain {
  std::uint64_t requests = 0, requests_with_prefix = 0, winning_requests = 0;
  std::uint64_t input_tokens = 0, prefix_tokens = 0, winning_tokens = 0;
  double recompute_s = 0;        ///< every prompt computed whole
  double always_fetch_s = 0;     ///< every prefix fetched, whether it wins or not
  double best_s = 0;             ///< only what wins is fetched
  double saved_gpu_s = 0;        ///< by `best`: GPU time that is free for other work
  double decode_lost_gpu_s = 0;  ///< GPU time that decoding loses to what `best` uploads, at most
};

struct BreakEvenAnswer {
  /// From this prefix on fetching wins; nullopt: not up to `longest`, or no wire is known (`wire_known`).
  std::optional<Tokens> prefix;
  /// The same if prefill takes as long as its margin allows (fetching wins earlier), or as short.
  std::optional<Tokens> prefix_slow_engine, prefix_fast_engine;
  Duration recompute{0};          ///< what `question.prefix` tokens cost
  std::optional<Duration> fetch;  ///< of them; nullopt: no wire is known
  Bytes stored;                   ///< that travel for them
  std::optional<NeededBandwidth> needed, needed_at_latency;
  std::optional<WorkloadGain> gain;
};
BreakEvenAnswer answer(const BreakEvenQuestion& question);

/// Fetch or recompute, request by request: each is fetched if fetch_time() is below recompute_time() of its prefix.
WorkloadGain workload_gain(const FetchEngine& engine, const FetchCost& cost, std::span<const PromptHit> prompts);

}  // namespace kv
