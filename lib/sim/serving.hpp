#pragma once
#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.hpp"
#include "base/units.hpp"
#include "metrics/histogram.hpp"
#include "prefill/prefill.hpp"
#include "sim/decode_cost.hpp"
#include "sim/fetch_network.hpp"

namespace kv {

/// One request as engines see it.
struct ServingRequest {
  Duration at{0};         ///< arrival; never before the one in front of it
  Tokens input{};         ///< prompt, at least 1
  Tokens output{};        ///< the first token is one of them; 0 and 1: over with its prefill
  Tokens cached{};        ///< of the prompt, in the engine's own cache when it comes
  Tokens fetched{};       ///< of the prompt, behind those, in the shared store; cached + fetched <= input
  Bytes fetched_bytes{};  ///< what travels for them
  Duration store{0};      ///< time that the engine stands still, behind this request's first token, to hand KV on
  std::optional<std::uint32_t> instance = std::nullopt;  ///< somebody chose one already
};

/// Who serves a request that names no instance.
enum class ServingRouting {
  least_requests,  ///< the instance with the fewest requests in it, the first of equal ones
  round_robin,
  shared_queue,  ///< all wait in one line for the first slot that gets free anywhere; then as least_requests
};

/// What a served request must keep to; without a limit it always does.
struct ServingSlo {
  std::optional<Duration> ttft = std::nullopt;   ///< arrival to first token
  std::optional<Duration> total = std::nullopt;  ///< arrival to last token
  double share = 0.99;                           ///< of all requests that must, above 0, at most 1
};

/// What one request got. Times from its arrival on.
struct ServedRequest {
  std::uint64_t index = 0;  ///< in the order of arrival
  std::uint32_t instance = 0;
  Duration fetch{0};  ///< until all of its prefix was there, 0 where it had nothing to fetch
  Duration queue{0};  ///< all other waiting in front of the first step that computed some of it
  Duration ttft{0}, total{0};
};

struct ServingOptions {
  std::uint32_t instances = 1;
  ServingRouting routing = ServingRouting::least_requests;
  Tokens token_budget{8192};  ///< of a step, at most 2^32 - 1: vLLM's max_num_batched_tokens
  std::uint32_t slots = 256;  ///< sequences at once in an instance, no more than token_budget: vLLM's max_num_seqs
  std::optional<Tokens> kv_tokens = std::nullopt;  ///< that an instance's running sequences may hold; nullopt: enough
  DecodeCost decode{};  ///< for `slots` sequences, if any request has an output of 2 tokens or more
  FetchLinks links{};
  ServingSlo slo{};
  std::function<void(const ServedRequest&)> on_served = {};  ///< called in the order in which requests end
};

/// Fails (bad_input) on options that no engine can have, saying which.
Result<void> check_serving_options(const ServingOptions& options);

/// Of all requests. Nanoseconds in histograms; a time of more than 285 years counts as those.
struct ServingResult {
  std::uint64_t requests = 0, served = 0;
  std::uint64_t refused = 0;  ///< more tokens than kv_tokens: never served, and not within the SLO
  std::uint64_t within_slo = 0;
  std::uint64_t computed_tokens = 0, decoded_tokens = 0, output_tokens = 0;
  double fetched_bytes = 0;
  Histogram ttft, queue, fetch, total;
  Histogram token_time;     ///< per output token behind the first, of requests that have such
  Duration span{0};         ///< first arrival to last end
  double utilisation = 0;   ///< share of instances x span in which they were in a step, or stood still for a store
  double network_busy = 0;  ///< share of the span in which anything was being fetched
  double mean_batch = 0;    ///< decoded tokens per step, prefill's steps included

  /// Requests within the SLO a second; nullopt: nothing took any time.
  std::optional<double> goodput_per_s() const;
  /// Of all requests; 1 without any.
  double slo_share() const;
  bool meets(const ServingSlo& slo) const { return slo_share() >= slo.share; }
};

/// Prefill and decode on several engines, each by continuous batching (SimInstance), and fetches that share what brings
/// them (FetchNetwork), in virtual time: the same input gives the same result, bit by bit. A fetch begins when its
/// request comes to an instance, and takes no slot; the request waits for a slot when all of its prefix is there.
///
/// Requests are offered in order and forgotten when they end: memory is that of those in flight, some 200 bytes each,
/// and of histograms. A request costs some events, each O(log instances + log slots), however many tokens it has, and
/// one for each step that its prompt shares; a fetch O(instances that fetch). Not thread-safe; the Prefill is only
/// read.
class ServingSimulation {
 public:
  /// Fails as check_serving_options() does. `prefill` outlives the simulation.
  static Result<ServingSimulation> make(const ServingOptions& options, const Prefill& prefill);
  ServingSimulation(ServingSimulation&&) noexcept;
  ServingSimulation& operator=(ServingSimulation&&) noexcept;
  ~ServingSimulation();

  /// Fails (bad_input), naming the request by its number, and leaves it out.
  Result<void> offer(const ServingRequest& request);
  /// Serves what is left to its end. Nothing is offered after that.
  ServingResult finish();

 private:
  struct State;
  explicit ServingSimulation(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// All of it at once. Fails also with Code::interrupted, once `stop` is true.
Result<ServingResult> simulate_serving(const ServingOptions& options, const Prefill& prefill,
                                       std::span<const ServingRequest> requests,
                                       const std::atomic<bool>* stop = nullptr);

}  // namespace kv
