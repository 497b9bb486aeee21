#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace kv {

/// How many machines a cache needs, and why. Pure; any number of threads may call.

/// How unevenly keys are used: what the load of the hottest shard follows from.
struct KeyPopularity {
  double keys = 0;            ///< distinct; 0: not known, taken as even
  double top_share = 0;       ///< of all uses, by the most used key
  double sum_of_squares = 0;  ///< of all keys' shares: 1 / keys where all are alike
};
/// From how often each key is used; zeros do not count.
KeyPopularity popularity_of(std::span<const std::uint64_t> uses);
/// All alike.
KeyPopularity even_popularity(double keys);

/// Share of the load that the hottest of `shards` gets where keys are hashed to shards: the larger of
///   top + (1 - top) / n          the most used key beside an even share of the rest, and
///   1 / n + sqrt(2 ln n x v)     the largest of n nearly normal sums (Cramer's sqrt(2 ln n)); a key falls on a shard
///                                with probability 1 / n: v = sum of squares x (1 - 1 / n) / n,
/// at most 1. An estimate of the mean over hash functions; tests hold it to a simulation.
double hottest_share(const KeyPopularity& popularity, double shards);

/// One kind of machine. Rates are those that last.
struct NodeCapacity {
  double memory_bytes = 0;                         ///< behind the provider's reserve
  double nic_bytes_per_s = 0;                      ///< baseline, each way
  std::optional<double> nic_bytes_per_s_per_flow;  ///< of one connection
  double ops_per_s = 0;                            ///< values read or written, measured; 0: not known, no constraint
};

/// What all machines together must do at the busiest time that is planned for.
struct NodeDemand {
  double memory_bytes = 0;  ///< of one copy: SizeAnswer::memory_bytes
  double read_bytes_per_s = 0, written_bytes_per_s = 0;
  double ops_per_s = 0;
  double connections = 0;      ///< to each machine, from all engines; 0: not known, flows are not capped
  std::uint32_t replicas = 0;  ///< 0 or 1: copies beside the first
  std::uint32_t spare = 1;     ///< machines whose loss the others must carry (N + spare); a replica carries its own
  std::uint32_t fewest = 1;    ///< what the kind of store needs: 3 primaries of a Redis Cluster
  std::uint32_t most = 16384;  ///< slots of a Redis Cluster; 1: a single server, for which spare is 0
  KeyPopularity bytes;         ///< by which traffic and operations are spread
  double values = 0;           ///< kept: memory is spread by them, each alike; 0: evenly
};

enum class NodeConstraint { memory, bandwidth, operations, failure_headroom, fewest };
std::string_view node_constraint_name(NodeConstraint constraint);

/// What one constraint asks for on its own.
struct NodeNeed {
  NodeConstraint constraint = NodeConstraint::memory;
  std::optional<std::uint64_t> nodes;  ///< primaries; nullopt: no number up to `most` is enough
};

struct NodesAnswer {
  std::vector<NodeNeed> needs;  ///< by constraint, in their order; `failure_headroom`: bandwidth and operations + spare
  /// That asks for most, bandwidth and operations with their spare; where one cannot be met, that one.
  NodeConstraint binding = NodeConstraint::memory;
  std::optional<std::uint64_t> primaries, machines;  ///< machines: primaries x (1 + replicas); nullopt: not to be met
  /// With that many primaries (or `most`, where it is not to be met): what the hottest shard uses of its machine. Above
  /// 1: too much.
  double memory_used = 0, bandwidth_used = 0, operations_used = 0;
  double hottest_share = 1;
  double egress_bytes_per_s = 0;  ///< reads + replicas x writes, of all primaries together
  double node_bytes_per_s = 0;    ///< what one machine gets onto the wire: its NIC's, or what its flows are capped at
};
/// The smallest number of primaries whose hottest shard fits its machine in every respect. With a replica a lost
/// primary is replaced by its copy; without, its blocks are computed again (rewarm()). Fails (bad_input) for figures
/// that are negative, not finite or beyond reason, or a machine without memory or NIC.
Result<NodesAnswer> nodes_for(const NodeDemand& demand, const NodeCapacity& node);

/// What losing machines costs where there is no replica.
struct Rewarm {
  double gpu_s_per_loss = 0;   ///< one machine's share of `content_gpu_s`
  double gpu_s_per_month = 0;  ///< expected: losses x that
};
/// `content_gpu_s`: GPU time to compute again everything in the cache that would still have been used; all of the
/// content is an upper bound. `losses_per_node_month`: machines that fail or are replaced (0.02: one in four years).
/// The more machines, the more losses, and the less each of them loses. With replicas nothing is lost.
Result<Rewarm> rewarm(double content_gpu_s, double nodes, double losses_per_node_month, std::uint32_t replicas);

}  // namespace kv
