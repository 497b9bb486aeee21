#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "sim/routing.hpp"
#include "workload/workload.hpp"

namespace kv {

/// Where KV may be kept, in front of computing it: capacities in blocks, 0: no such tier.
struct PlacementOptions {
  RouterOptions router{};
  Blocks engine{};  ///< of each instance's cache in HBM
  Blocks host{};    ///< of each instance's cache in host memory
  Blocks remote{};  ///< of the one store that all instances share
};
/// Fails (bad_input) on options that no fleet can have.
Result<void> check_placement(const PlacementOptions& options);

struct PlacementRequest {
  Duration at{0};  ///< never before the request in front of it
  Tokens input{}, output{};
  std::span<const BlockId> blocks{};  ///< no id twice
  std::optional<std::uint32_t> session = std::nullopt;
};

/// Where one request went and what of its prompt it found in each tier: a block counts for the fastest that has it.
struct Placed {
  std::uint64_t index = 0;
  std::uint32_t instance = 0;
  Tokens engine{}, host{};
  Tokens remote_own{};    ///< from the shared store, stored there by this instance
  Tokens remote_other{};  ///< stored there by another one: what crosses instances
  Tokens found() const { return engine + host + remote_own + remote_other; }
};

struct TierCounts {
  std::uint64_t hit_tokens = 0;  ///< that no faster tier had
  std::uint64_t hit_blocks = 0, hit_requests = 0;
  std::uint64_t written_blocks = 0, evicted_blocks = 0;
  bool operator==(const TierCounts&) const = default;
};

/// hit tokens of all tiers + missed_tokens = input_tokens.
struct PlacementResult {
  std::uint64_t requests = 0, input_tokens = 0, block_refs = 0;
  std::uint64_t missed_tokens = 0;
  TierCounts engine, host, remote;  ///< of engine and host, all instances together
  /// Of remote.hit_tokens and hit_requests, what another instance had stored; the rest an instance had stored itself,
  /// and lost from its own caches.
  std::uint64_t crossing_tokens = 0, crossing_requests = 0;
  std::uint64_t without_session = 0;           ///< that sticky routing had to send somewhere
  std::vector<std::uint64_t> computed_tokens;  ///< by instance: missed tokens of its requests
  bool operator==(const PlacementResult&) const = default;

  /// Of input tokens; 0 without any.
  double hit_rate() const;
  /// The busiest instance's computed tokens over the mean: 1 is even; 1 where nothing is computed.
  double imbalance() const;
};

/// Serves prompts one at a time over instances with caches of their own and one shared store, each an LRU cache by the
/// eviction protocol of BlockCache. Tiers are inclusive, as engines that write through fill them: each of the three
/// sees every request of its instance or, the store, of all, looks its leading blocks up, stores what it lacks and
/// touches the rest, so that what one holds does not depend on the others. Time only ages loads: a request finds all
/// that the one in front of it stored.
///
/// Memory is bounded by the tiers' capacities, however long the stream: at most 80 bytes a block held, and for
/// prefix-aware routing 36 and a bit an instance for each block of the larger of engine and host caches. Not
/// thread-safe.
class PlacementSimulation {
 public:
  static Result<PlacementSimulation> make(const PlacementOptions& options, Tokens block_size);
  PlacementSimulation(PlacementSimulation&&) noexcept;
  PlacementSimulation& operator=(PlacementSimulation&&) noexcept;
  ~PlacementSimulation();

  Placed serve(const PlacementRequest& request);
  /// Of all requests so far.
  PlacementResult result() const;

 private:
  struct State;
  explicit PlacementSimulation(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// All of a workload. `on_placed`, if there is one, hears of each request in order. Fails also with Code::interrupted,
/// once `stop` is true.
Result<PlacementResult> simulate_placement(const Workload& workload, const PlacementOptions& options,
                                           const std::function<void(const Placed&)>& on_placed = {},
                                           const std::atomic<bool>* stop = nullptr);

}  // namespace kv
