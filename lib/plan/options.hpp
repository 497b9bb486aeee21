#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "plan/cost.hpp"
#include "plan/nodes.hpp"
#include "plan/size.hpp"
#include "price/price_file.hpp"

namespace kv {

/// The ways to keep a cache, each sized for its server's overhead, given machines, and priced for a month.
enum class CacheKind {
  redis,  ///< one server
  redis_cluster,
  valkey,       ///< likewise, of Valkey
  dragonfly,    ///< servers beside one another, keys hashed to them by the client
  own_servers,  ///< a Redis Cluster on machines that are bought
  managed,      ///< nodes of a provider's service
  serverless,
  host_memory,  ///< of the GPU machines: each keeps what its own engines stored
  local_nvme,   ///< likewise
  vendor_platform,
};

/// One row knows a kind: reports, help and documents read the rows.
struct CacheKindRow {
  CacheKind kind = CacheKind::redis;
  std::string_view name;               ///< "redis-cluster"
  std::string_view store;              ///< whose overhead its values have: a value_stores() name
  std::string_view effort;             ///< entry of the price file with the hours that setting it up takes
  std::uint32_t fewest = 1, most = 1;  ///< primaries
  std::string_view summary;
};
std::span<const CacheKindRow> cache_kinds();
const CacheKindRow& cache_kind_row(CacheKind kind);
/// Fails (bad_input) for an unknown name, suggesting the nearest.
Result<const CacheKindRow*> find_cache_kind(std::string_view name);

struct OptionsQuestion {
  const PriceFile* prices = nullptr;       ///< outlives the answer
  double price_level = kTypical;           ///< Uncertain::at() of machines, bytes and zones; within [0, 1]
  double effort_level = kTypical;          ///< of hours of work and their price
  SizeQuestion size;                       ///< `store` is set by each kind
  NodeDemand demand;                       ///< memory, values, fewest and most are set by each kind
  CacheLoad load;                          ///< stored bytes are set by each kind
  double ops_per_s_per_node = 0;           ///< measured; 0: not known
  double gpus = 1;                         ///< whose machines have memory and drives
  std::string node, managed_node, server;  ///< machines by name; empty: the cheapest of the file that are enough
};

/// One kind, planned.
struct CacheOption {
  const CacheKindRow* row = nullptr;  ///< static data
  std::string on;                     ///< entry of the price file: machine, store or platform; empty: there is none
  bool verified = false;              ///< the price of `on`
  SizeAnswer size;
  std::optional<NodesAnswer> nodes;  ///< nullopt: no machines are counted
  double kept_share = 1;             ///< of the content, where room is given: host memory and drives
  double link_used = 0;  ///< of what the links of host memory or drives read together; above 1: fetches wait for them
  /// Dollars a month, zones included; nullopt: cannot be had, and `trouble` says why.
  std::optional<MonthlyCost> cost;
  std::string trouble;
  double setup_hours = 0;  ///< of the kind alone
  double one_off_usd = 0;  ///< all hours of "integration", where the file has it, else setup_hours; x dollars an hour
};
/// Fails (bad_input) for figures that plans do not take, and for a machine that the file lacks.
Result<CacheOption> cache_option(const OptionsQuestion& question, const CacheKindRow& kind);
/// All, in the order of cache_kinds().
Result<std::vector<CacheOption>> cache_options(const OptionsQuestion& question);

}  // namespace kv
