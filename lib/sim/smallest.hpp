#pragma once
#include <atomic>
#include <functional>
#include <span>
#include <vector>

#include "sim/serving.hpp"

namespace kv {

/// A number of instances that was simulated, and what came of it.
struct TriedInstances {
  std::uint32_t instances = 0;
  double slo_share = 0;  ///< of the requests
  bool meets = false;
};

struct SmallestInstances {
  std::optional<std::uint32_t> instances;  ///< nullopt: not even `most` meet the SLO
  ServingResult result{};                  ///< with those; with `most` if none meet it
  /// False: a number missed the SLO although a smaller one met it, as where what is cached depends on the number. The
  /// answer is then one from which on two in a row meet it.
  bool monotone = true;
  std::vector<TriedInstances> tried{};  ///< in the order in which they were
};

/// The requests that so many instances would serve: what is cached where may depend on their number. The span lives
/// until the next call.
using RequestsFor = std::function<std::span<const ServingRequest>(std::uint32_t instances)>;

/// The fewest instances, at most `most` >= 1, that meet options.slo: doubled until some number meets it, then bisected,
/// taking for granted that more are never worse; the answer is checked against one instance more. options.instances is
/// not looked at. Some 2 log2(answer) simulations. Fails as simulate_serving() does.
Result<SmallestInstances> smallest_instances(const ServingOptions& options, const Prefill& prefill,
                                             const RequestsFor& requests_for, std::uint32_t most,
                                             const std::atomic<bool>* stop = nullptr);

}  // namespace kv
