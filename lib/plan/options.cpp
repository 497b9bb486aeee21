#include "plan/options.hpp"

#include <algorithm>
#include <array>

#include "plan/checks.hpp"

namespace kv {
namespace {

/// Slots of a Redis Cluster; an ElastiCache cluster's nodes (from memory); servers that a client hashes to, a bound.
constexpr std::uint32_t kMostSlots = 16384, kMostManaged = 500, kMostHashed = 1024;

/// A machine of either kind, with what it costs.
struct Machine {
  std::string name;
  bool verified = false;
  NodeCapacity capacity;
  double usd_per_hour = 0;        // rented
  std::optional<OwnMachine> own;  // bought
};

/// What is the same for all kinds.
class Planner {
 public:
  explicit Planner(const OptionsQuestion& question) : q_(question) {}

  Result<CacheOption> plan(const CacheKindRow& row) const;

 private:
  const PriceFile& prices() const { return *q_.prices; }
  double price(const Uncertain& range) const { return range.at(q_.price_level); }
  Result<CacheOption> sized(const CacheKindRow& row) const;
  void add_effort(CacheOption& option) const;
  CacheLoad load_of(const CacheOption& option) const;

  Result<std::vector<Machine>> rented(NodeService service, const std::string& wanted) const;
  Result<std::vector<Machine>> bought() const;
  Result<CacheOption> on_machines(CacheOption option, const Result<std::vector<Machine>>& machines) const;
  Result<CacheOption> on_machine(CacheOption option, const Machine& machine) const;
  Result<CacheOption> serverless(CacheOption option) const;
  Result<CacheOption> local(CacheOption option, LocalKind kind) const;
  Result<CacheOption> platform(CacheOption option) const;
  Result<void> add_zones(CacheOption& option) const;

  const OptionsQuestion& q_;
};

/// By how much a machine is too small for what its fullest shard wants of it.
double most_used(const CacheOption& option) {
  if (!option.nodes) return 0;
  return std::max({option.nodes->memory_used, option.nodes->bandwidth_used, option.nodes->operations_used});
}

/// The cheaper of two that can be had; of two that cannot, the one that lacks less: its trouble is worth reading.
CacheOption cheaper(const CacheOption& a, const CacheOption& b) {
  if (!a.cost && !b.cost) return most_used(b) < most_used(a) ? b : a;
  if (!b.cost) return a;
  return !a.cost || b.cost->total() < a.cost->total() ? b : a;
}

Result<CacheOption> Planner::sized(const CacheKindRow& row) const {
  SizeQuestion size = q_.size;
  const auto store = find_value_store(row.store);
  if (!store) return error(store);
  size.store = *store;
  const auto answer = size_of(size);
  if (!answer) return error(answer);
  CacheOption out;
  out.row = &row;
  out.size = *answer;
  add_effort(out);
  return out;
}

void Planner::add_effort(CacheOption& option) const {
  const auto hours = [this](std::string_view name) -> std::optional<double> {
    for (const EffortPrice& effort : prices().efforts) {
      if (effort.name == name) return effort.hours.at(q_.effort_level);
    }
    return std::nullopt;
  };
  option.setup_hours = hours(option.row->effort).value_or(0);
  const double all = hours("integration").value_or(option.setup_hours);
  option.one_off_usd = std::max(all, option.setup_hours) * prices().common.effort_usd_per_hour.at(q_.effort_level);
}

CacheLoad Planner::load_of(const CacheOption& option) const {
  CacheLoad load = q_.load;
  load.stored_bytes = option.size.held_bytes;
  return load;
}

Result<void> Planner::add_zones(CacheOption& option) const {
  const auto zones = cross_zone_cost(load_of(option), price(prices().common.cross_zone_usd_per_gb));
  if (!zones) return error(zones);
  *option.cost += *zones;
  return {};
}

Result<std::vector<Machine>> Planner::rented(NodeService service, const std::string& wanted) const {
  std::vector<Machine> out;
  const auto add = [&](const NodePrice& node) {
    out.push_back({node.name,
                   node.verified,
                   {node.usable_bytes(), node.nic_bytes_per_s, node.nic_bytes_per_s_per_flow, q_.ops_per_s_per_node},
                   price(node.usd_per_hour),
                   std::nullopt});
  };
  if (!wanted.empty()) {
    const auto node = find_price(prices(), prices().nodes, wanted, "node");
    if (!node) return error(node);
    add(**node);
    return out;
  }
  for (const NodePrice& node : prices().nodes) {
    if (node.service == service) add(node);
  }
  return out;
}

Result<std::vector<Machine>> Planner::bought() const {
  std::vector<Machine> out;
  if (!q_.server.empty()) {
    const auto server = find_price(prices(), prices().servers, q_.server, "server");
    if (!server) return error(server);
  }
  for (const ServerPrice& s : prices().servers) {
    if (!q_.server.empty() && s.name != q_.server) continue;
    out.push_back({s.name,
                   s.verified,
                   {s.usable_bytes(), s.nic_bytes_per_s, std::nullopt, q_.ops_per_s_per_node},
                   0,
                   OwnMachine{price(s.purchase_usd), s.amortisation_months, s.watts, s.pue, s.usd_per_kwh,
                              s.colocation_usd_per_month}});
  }
  return out;
}

Result<CacheOption> Planner::on_machine(CacheOption option, const Machine& machine) const {
  NodeDemand demand = q_.demand;
  demand.memory_bytes = option.size.memory_bytes;
  demand.values = option.size.values;
  demand.fewest = option.row->fewest;
  demand.most = option.row->most;
  if (demand.most == 1) demand.spare = 0;  // a single server has nobody beside it
  const auto nodes = nodes_for(demand, machine.capacity);
  if (!nodes) return error(nodes);
  option.on = machine.name;
  option.verified = machine.verified;
  option.nodes = *nodes;
  if (!nodes->machines) {
    option.trouble = option.row->most == 1 ? fmt::format("one {} is not enough: {} binds", machine.name,
                                                         node_constraint_name(nodes->binding))
                                           : fmt::format("no {} {} are enough: {} binds", option.row->most,
                                                         machine.name, node_constraint_name(nodes->binding));
    return option;
  }
  const auto count = static_cast<double>(*nodes->machines);
  const auto cost = machine.own ? own_cost(count, *machine.own) : rented_cost(count, machine.usd_per_hour);
  if (!cost) return error(cost);
  option.cost = *cost;
  if (const auto zones = add_zones(option); !zones) return error(zones);
  return option;
}

Result<CacheOption> Planner::on_machines(CacheOption option, const Result<std::vector<Machine>>& machines) const {
  if (!machines) return error(machines);
  if (machines->empty()) {
    option.trouble = "the price file has no such machine";
    return option;
  }
  std::optional<CacheOption> best;
  for (const Machine& machine : *machines) {
    const auto planned = on_machine(option, machine);
    if (!planned) return error(planned);
    best = best ? cheaper(*best, *planned) : *planned;
  }
  return *best;
}

Result<CacheOption> Planner::serverless(CacheOption option) const {
  option.trouble = "the price file has no serverless store";
  CacheOption best = option;
  for (const ServerlessPrice& s : prices().serverless) {
    const ServerlessRates rates{price(s.usd_per_gb_hour), price(s.usd_per_million_ecpu),
                                static_cast<double>(s.bytes_per_ecpu.count()), static_cast<double>(s.minimum.count())};
    const auto cost = serverless_cost(load_of(option), rates);
    if (!cost) return error(cost);
    CacheOption priced = option;
    priced.on = s.name;
    priced.verified = s.verified;
    priced.cost = *cost;
    priced.trouble.clear();
    if (const auto zones = add_zones(priced); !zones) return error(zones);
    best = cheaper(best, priced);
  }
  return best;
}

/// Room is what there is: a part of the content is kept where it is not enough, and nothing crosses a zone.
Result<CacheOption> Planner::local(CacheOption option, LocalKind kind) const {
  for (const LocalPrice& l : prices().locals) {
    if (l.kind != kind) continue;
    const double room = static_cast<double>(l.capacity_per_gpu.count()) * q_.gpus;
    const double held = option.size.held_bytes;
    option.on = l.name;
    option.verified = l.verified;
    option.kept_share = held > room ? room / held : 1;
    option.link_used = q_.demand.read_bytes_per_s / (l.bytes_per_s_per_gpu * q_.gpus);
    const auto cost = local_cost(std::min(held, room), price(l.usd_per_gb_hour));
    if (!cost) return error(cost);
    option.cost = *cost;
    return option;
  }
  option.trouble = fmt::format("the price file has no such entry: [[local]] with kind = \"{}\"",
                               kind == LocalKind::nvme ? "nvme" : "host-memory");
  return option;
}

Result<CacheOption> Planner::platform(CacheOption option) const {
  if (prices().platforms.empty()) {
    option.trouble = "the price file has no platform";
    return option;
  }
  const PlatformPrice& p = prices().platforms.front();
  option.on = p.name;
  option.verified = p.verified;
  const auto cost = platform_cost(price(p.usd_per_month));
  if (!cost) return error(cost);
  option.cost = *cost;
  return option;
}

Result<CacheOption> Planner::plan(const CacheKindRow& row) const {
  auto option = sized(row);
  if (!option) return error(option);
  switch (row.kind) {
    case CacheKind::redis:
    case CacheKind::redis_cluster:
    case CacheKind::valkey:
    case CacheKind::dragonfly:
      return on_machines(std::move(*option), rented(NodeService::self_managed, q_.node));
    case CacheKind::managed:
      return on_machines(std::move(*option), rented(NodeService::managed, q_.managed_node));
    case CacheKind::own_servers:
      return on_machines(std::move(*option), bought());
    case CacheKind::serverless:
      return serverless(std::move(*option));
    case CacheKind::host_memory:
      return local(std::move(*option), LocalKind::host_memory);
    case CacheKind::local_nvme:
      return local(std::move(*option), LocalKind::nvme);
    case CacheKind::vendor_platform:
      return platform(std::move(*option));
  }
  return error(Code::bad_input, "an unknown kind of cache");
}

}  // namespace

std::span<const CacheKindRow> cache_kinds() {
  static constexpr std::array rows{
      CacheKindRow{CacheKind::redis, "redis", "redis", "redis", 1, 1, "one server on a rented machine"},
      CacheKindRow{CacheKind::redis_cluster, "redis-cluster", "redis", "redis-cluster", 3, kMostSlots,
                   "three primaries or more on rented machines"},
      CacheKindRow{CacheKind::valkey, "valkey", "valkey", "redis-cluster", 3, kMostSlots, "likewise, of Valkey"},
      CacheKindRow{CacheKind::dragonfly, "dragonfly", "dragonfly", "dragonfly", 1, kMostHashed,
                   "servers of many threads, keys hashed to them by the client"},
      CacheKindRow{CacheKind::own_servers, "own-servers", "redis", "redis-cluster", 3, kMostSlots,
                   "a Redis Cluster on machines that you buy"},
      CacheKindRow{CacheKind::managed, "managed", "valkey", "redis", 1, kMostManaged, "nodes of a provider's service"},
      CacheKindRow{CacheKind::serverless, "serverless", "serverless", "redis", 1, 1,
                   "billed by bytes kept and bytes moved"},
      CacheKindRow{CacheKind::host_memory, "host-memory", "serverless", "redis", 1, 1,
                   "idle memory of the GPU machines, not shared between them"},
      CacheKindRow{CacheKind::local_nvme, "local-nvme", "serverless", "redis", 1, 1,
                   "drives of the GPU machines, not shared between them"},
      CacheKindRow{CacheKind::vendor_platform, "vendor-platform", "serverless", "vendor-platform", 1, 1,
                   "a vendor's, sold as a whole"},
  };
  return rows;
}

const CacheKindRow& cache_kind_row(CacheKind kind) {
  const auto rows = cache_kinds();
  const auto row = std::find_if(rows.begin(), rows.end(), [kind](const CacheKindRow& r) { return r.kind == kind; });
  return row == rows.end() ? rows.front() : *row;
}

Result<const CacheKindRow*> find_cache_kind(std::string_view name) {
  std::vector<std::string> names;
  for (const CacheKindRow& row : cache_kinds()) {
    if (row.name == name) return &row;
    names.emplace_back(row.name);
  }
  const auto close = nearest(name, names);
  return error(Code::bad_input, fmt::format("unknown kind of cache {}", quote(name)),
               (close ? fmt::format("did you mean {}? ", *close) : std::string()) +
                   fmt::format("known: {}", fmt::join(names, ", ")));
}

Result<CacheOption> cache_option(const OptionsQuestion& question, const CacheKindRow& kind) {
  if (question.prices == nullptr) return error(Code::bad_input, "options: needs prices");
  const auto checked = check_figures("options", {{"the price level", question.price_level, 0, 1},
                                                 {"the effort level", question.effort_level, 0, 1},
                                                 {"GPUs", question.gpus, 1, 1e9},
                                                 {"bytes read per second", question.demand.read_bytes_per_s, 0, 1e18},
                                                 {"operations of a node", question.ops_per_s_per_node, 0, 1e18}});
  if (!checked) return error(checked);
  return Planner(question).plan(kind);
}

Result<std::vector<CacheOption>> cache_options(const OptionsQuestion& question) {
  std::vector<CacheOption> out;
  for (const CacheKindRow& row : cache_kinds()) {
    auto option = cache_option(question, row);
    if (!option) return error(option);
    out.push_back(std::move(*option));
  }
  return out;
}

}  // namespace kv
