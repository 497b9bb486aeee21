#include "plan/nodes.hpp"

#include <algorithm>
#include <cmath>

#include "plan/checks.hpp"

namespace kv {
namespace {

constexpr double kMostBytes = 1e21, kMostRate = 1e18;
constexpr double kRounding = 1e-9;  // what fills a machine exactly fits

Result<void> check_popularity(const KeyPopularity& p) {
  return check_figures("keys", {{"distinct keys", p.keys, 0, 1e15},
                                {"the top key's share", p.top_share, 0, 1},
                                {"the sum of squared shares", p.sum_of_squares, 0, 1}});
}

Result<void> check_question(const NodeDemand& d, const NodeCapacity& n) {
  if (auto checked = check_popularity(d.bytes); !checked) return checked;
  return check_figures("nodes",
                       {{"memory", d.memory_bytes, 0, kMostBytes},
                        {"bytes read per second", d.read_bytes_per_s, 0, kMostRate},
                        {"bytes written per second", d.written_bytes_per_s, 0, kMostRate},
                        {"operations per second", d.ops_per_s, 0, kMostRate},
                        {"connections", d.connections, 0, 1e9},
                        {"replicas", static_cast<double>(d.replicas), 0, 1},
                        {"spare machines", static_cast<double>(d.spare), 0, 1000},
                        {"the fewest primaries", static_cast<double>(d.fewest), 1, 1e6},
                        {"the most primaries", static_cast<double>(d.most), static_cast<double>(d.fewest), 1e6},
                        {"values", d.values, 0, 1e15},
                        {"a machine's memory", n.memory_bytes, 1, kMostBytes},
                        {"a machine's NIC", n.nic_bytes_per_s, 1, kMostRate},
                        {"a connection's cap", n.nic_bytes_per_s_per_flow.value_or(1), 1, kMostRate},
                        {"a machine's operations per second", n.ops_per_s, 0, kMostRate}});
}

/// Something that is spread over shards, and what one machine has of it.
struct Spread {
  double demand = 0, capacity = 0;
  KeyPopularity popularity;

  /// Of the capacity, by the hottest of so many shards.
  double used(double shards) const { return demand * hottest_share(popularity, shards) / capacity; }
};

/// The hottest share falls with the number of shards.
std::optional<std::uint64_t> fewest_shards(const Spread& spread, std::uint64_t most) {
  const auto fits = [&](std::uint64_t shards) { return spread.used(static_cast<double>(shards)) <= 1 + kRounding; };
  if (!fits(most)) return std::nullopt;
  std::uint64_t low = 1, high = most;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (fits(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

double wire_bytes_per_s(const NodeDemand& d, const NodeCapacity& n) {
  if (d.connections <= 0 || !n.nic_bytes_per_s_per_flow) return n.nic_bytes_per_s;
  return std::min(n.nic_bytes_per_s, d.connections * *n.nic_bytes_per_s_per_flow);
}

/// Room for the loss of `spare` machines where no replica takes over.
std::optional<std::uint64_t> headroom(const NodeDemand& d, std::optional<std::uint64_t> bandwidth,
                                      std::optional<std::uint64_t> operations) {
  if (!bandwidth || !operations) return std::nullopt;
  const std::uint64_t nodes = std::max(*bandwidth, *operations) + (d.replicas == 0 ? d.spare : 0);
  return nodes <= d.most ? std::optional(nodes) : std::nullopt;
}

/// Bandwidth or operations bind with their spare: the headroom has the word only where memory asks for as much as they.
NodeNeed told(const NodeNeed& worst, std::span<const NodeNeed> needs) {
  if (worst.constraint != NodeConstraint::failure_headroom || !worst.nodes) return worst;
  NodeNeed most = needs.front();
  for (const NodeNeed& need : needs) {
    if (need.constraint != NodeConstraint::failure_headroom && *need.nodes > *most.nodes) most = need;
  }
  const bool theirs = most.constraint == NodeConstraint::bandwidth || most.constraint == NodeConstraint::operations;
  return {theirs ? most.constraint : worst.constraint, worst.nodes};
}

/// The one that cannot be met, else that asks for most; of equals the first.
NodeNeed binding_of(std::span<const NodeNeed> needs) {
  NodeNeed worst = needs.front();
  for (const NodeNeed& need : needs) {
    if (!worst.nodes) break;
    if (!need.nodes || *need.nodes > *worst.nodes) worst = need;
  }
  return told(worst, needs);
}

}  // namespace

std::string_view node_constraint_name(NodeConstraint constraint) {
  switch (constraint) {
    case NodeConstraint::memory:
      return "memory";
    case NodeConstraint::bandwidth:
      return "bandwidth";
    case NodeConstraint::operations:
      return "operations";
    case NodeConstraint::failure_headroom:
      return "failure headroom";
    case NodeConstraint::fewest:
      return "fewest";
  }
  return "unknown";
}

KeyPopularity popularity_of(std::span<const std::uint64_t> uses) {
  KeyPopularity out;
  double all = 0, top = 0, squares = 0;
  for (const std::uint64_t count : uses) {
    const auto n = static_cast<double>(count);
    out.keys += count > 0;
    all += n;
    top = std::max(top, n);
    squares += n * n;
  }
  if (all <= 0) return out;
  out.top_share = top / all;
  out.sum_of_squares = squares / (all * all);
  return out;
}

KeyPopularity even_popularity(double keys) {
  if (keys <= 0) return {};
  const double share = 1 / std::max(keys, 1.0);
  return {keys, share, share};
}

double hottest_share(const KeyPopularity& p, double shards) {
  if (shards <= 1) return 1;
  const double even = 1 / shards;
  const double beside = p.top_share + (1 - p.top_share) * even;
  const double spread = even + std::sqrt(2 * std::log(shards) * p.sum_of_squares * (1 - even) * even);
  return std::min(std::max(beside, spread), 1.0);
}

Result<NodesAnswer> nodes_for(const NodeDemand& d, const NodeCapacity& n) {
  if (const auto checked = check_question(d, n); !checked) return error(checked);
  NodesAnswer out;
  out.egress_bytes_per_s = d.read_bytes_per_s + d.replicas * d.written_bytes_per_s;
  out.node_bytes_per_s = wire_bytes_per_s(d, n);
  const Spread memory{d.memory_bytes, n.memory_bytes, even_popularity(d.values)};
  const Spread wire{std::max(out.egress_bytes_per_s, d.written_bytes_per_s), out.node_bytes_per_s, d.bytes};
  const bool counted = n.ops_per_s > 0;
  const Spread operations{counted ? d.ops_per_s : 0, counted ? n.ops_per_s : 1, d.bytes};
  const auto by_wire = fewest_shards(wire, d.most), by_operations = fewest_shards(operations, d.most);
  out.needs = {{NodeConstraint::memory, fewest_shards(memory, d.most)},
               {NodeConstraint::bandwidth, by_wire},
               {NodeConstraint::operations, by_operations},
               {NodeConstraint::failure_headroom, headroom(d, by_wire, by_operations)},
               {NodeConstraint::fewest, d.fewest}};
  const NodeNeed binding = binding_of(out.needs);
  out.binding = binding.constraint;
  out.primaries = binding.nodes;
  if (out.primaries) out.machines = *out.primaries * (1 + d.replicas);
  const auto shards = static_cast<double>(out.primaries.value_or(d.most));
  out.memory_used = memory.used(shards);
  out.bandwidth_used = wire.used(shards);
  out.operations_used = operations.used(shards);
  out.hottest_share = hottest_share(d.bytes, shards);
  return out;
}

Result<Rewarm> rewarm(double content_gpu_s, double nodes, double losses_per_node_month, std::uint32_t replicas) {
  const auto checked = check_figures("re-warming", {{"GPU seconds of the content", content_gpu_s, 0, 1e15},
                                                    {"machines", nodes, 1, 1e9},
                                                    {"losses of a machine a month", losses_per_node_month, 0, 1e3}});
  if (!checked) return error(checked);
  if (replicas > 0) return Rewarm{};
  const double per_loss = content_gpu_s / nodes;
  return Rewarm{per_loss, per_loss * nodes * losses_per_node_month};
}

}  // namespace kv
