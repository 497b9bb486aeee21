#pragma once
#include <cstdint>
#include <optional>

#include "plan/nodes.hpp"
#include "plan/reuse_bins.hpp"
#include "workload/workload.hpp"

namespace kv {

/// First arrival to last, and one mean gap more, so that requests / span is the rate; 0 for less than two requests.
double span_of(const Workload& workload);

/// What a workload asks of engines and caches, at the pace at which it arrives.
struct Demand {
  std::uint64_t requests = 0;
  double span_s = 0;  ///< span_of()
  double requests_per_s = 0, input_tokens_per_s = 0, output_tokens_per_s = 0;
  double mean_input_tokens = 0, mean_output_tokens = 0;
  Tokens longest_input{}, block_size{};
  /// Requests of the busiest window over the mean one's. A window is a minute, or as long as a hundred requests take on
  /// average: of fewer, chance decides which minute is busiest. nullopt: the workload is no two windows long.
  std::optional<double> peak_to_mean;
  /// What a cache that never evicts serves of the input tokens, the first use of each block lost: no cache serves more.
  double ceiling_token_hit_rate = 0;
  double unique_blocks = 0, block_refs = 0;
  KeyPopularity popularity;  ///< of blocks
  WorkloadReuse reuse;
  /// The last quarter's hits are still well above the third's: a longer trace would show a higher ceiling.
  bool still_warming = false;
};
/// The workload holds at least two requests that do not arrive at once; fails (bad_input) otherwise: a rate needs time.
/// 16 bytes a unique block.
Result<Demand> demand_of(const Workload& workload);

/// So many of the workload beside one another, which share no block: each begins a little later than the one before it,
/// all within a hundred mean gaps, or a tenth of the span: chance makes no peaks, hours stay. copies >= 1.
Result<Workload> copies_of(const Workload& workload, std::uint32_t copies);

/// What people know who have no trace.
struct DemandSummary {
  double requests_per_s = 1;
  Tokens input{}, output{};  ///< of every request
  Tokens shared_prefix{};    ///< that a request has in common with others, where it has
  /// Of all input tokens, what a cache that never evicts would serve; at most shared_prefix / input.
  double token_hit_rate = 0;
  std::uint64_t prefixes = 100;  ///< different shared ones, used in the proportion 1 : 1/2 : 1/3 ...
  std::uint64_t requests = 6'000;
  std::uint64_t seed = 1;
};
/// A workload of that kind in blocks of 64 tokens: arrivals at random (Poisson), a share of
/// token_hit_rate x input / shared_prefix of the requests begins with a shared prefix, all else occurs once. First uses
/// come on top, so that the hit rate is met in steady state and missed by prefixes / requests here. Fails (bad_input)
/// for what no workload can be, a hit rate above shared_prefix / input among it.
Result<Workload> workload_of(const DemandSummary& summary);

}  // namespace kv
