#include "plan/rent_tiers.hpp"

#include <algorithm>

#include "plan/size.hpp"

namespace kv {
namespace {

/// A tier's rent of bytes that its machines really have, before the server's overhead.
struct Rented {
  std::string on;
  bool verified = false;
  double usd_per_gb_hour = 0, usd_per_gb_read = 0, usd_per_gb_written = 0;
};

void keep_cheapest(std::optional<Rented>& best, Rented other) {
  if (!best || other.usd_per_gb_hour < best->usd_per_gb_hour) best = std::move(other);
}

std::optional<Rented> of_nodes(const PriceFile& prices, NodeService service, double level, const std::string& wanted) {
  std::optional<Rented> best;
  for (const NodePrice& node : prices.nodes) {
    if (wanted.empty() ? node.service != service : node.name != wanted) continue;
    keep_cheapest(
        best, {node.name, node.verified, node_usd_per_gb_hour(node.usd_per_hour.at(level), node.usable_bytes()), 0, 0});
  }
  return best;
}

std::optional<Rented> of_servers(const PriceFile& prices, double level, const std::string& wanted) {
  std::optional<Rented> best;
  for (const ServerPrice& s : prices.servers) {
    if (!wanted.empty() && s.name != wanted) continue;
    const auto month = own_cost(1, {s.purchase_usd.at(level), s.amortisation_months, s.watts, s.pue, s.usd_per_kwh,
                                    s.colocation_usd_per_month});
    if (!month) continue;
    keep_cheapest(best,
                  {s.name, s.verified, node_usd_per_gb_hour(month->total() / kHoursPerMonth, s.usable_bytes()), 0, 0});
  }
  return best;
}

std::optional<Rented> of_local(const PriceFile& prices, LocalKind kind, double level) {
  std::optional<Rented> best;
  for (const LocalPrice& l : prices.locals) {
    if (l.kind == kind) keep_cheapest(best, {l.name, l.verified, l.usd_per_gb_hour.at(level), 0, 0});
  }
  return best;
}

std::optional<Rented> of_serverless(const PriceFile& prices, double level, double request_bytes) {
  std::optional<Rented> best;
  for (const ServerlessPrice& s : prices.serverless) {
    const ServerlessRates rates{s.usd_per_gb_hour.at(level), s.usd_per_million_ecpu.at(level),
                                static_cast<double>(s.bytes_per_ecpu.count()), static_cast<double>(s.minimum.count())};
    const auto moved = serverless_usd_per_gb(rates, request_bytes);
    if (moved) keep_cheapest(best, {s.name, s.verified, rates.usd_per_gb_hour, *moved, *moved});
  }
  return best;
}

/// What one block takes of a tier, and how its KV is cut there.
Result<SizeAnswer> one_block(const PlanBasis& basis, const CacheKindRow& kind, const Scenario& scenario) {
  const auto store = find_value_store(kind.store);
  if (!store) return error(store);
  SizeQuestion q;
  q.tokens = q.tokens_per_block = static_cast<double>(basis.geometry->block_size().count());
  q.payload_bytes_per_token = basis.block_payload_bytes() / q.tokens;
  q.stored_per_payload = scenario.stored_per_payload;
  q.values_per_block = static_cast<double>(basis.geometry->parts().size());
  q.most_value_bytes = basis.chunk_bytes;
  q.manifest_bytes = basis.manifest_bytes;
  q.store = *store;
  return size_of(q);
}

std::optional<Rented> rented(const PlanBasis& basis, CacheKind kind, double level, double value_bytes) {
  const PriceFile& prices = *basis.prices;
  switch (kind) {
    case CacheKind::host_memory:
      return of_local(prices, LocalKind::host_memory, level);
    case CacheKind::local_nvme:
      return of_local(prices, LocalKind::nvme, level);
    case CacheKind::own_servers:
      return of_servers(prices, level, basis.server);
    case CacheKind::redis_cluster:
      return of_nodes(prices, NodeService::self_managed, level, basis.node);
    case CacheKind::managed:
      return of_nodes(prices, NodeService::managed, level, basis.managed_node);
    case CacheKind::serverless:
      return of_serverless(prices, level, value_bytes);
    default:
      return std::nullopt;
  }
}

Result<CapacityAdvice> advice_of(const PlanBasis& basis, const FleetStudy& study, const RentTierAnswer& tier,
                                 const Scenario& scenario) {
  std::vector<CapacityPoint> points;
  const auto moved_per_hour = [&](double payload_bytes_per_s) {
    return payload_bytes_per_s * scenario.stored_per_payload * scenario.traffic * 3600;
  };
  // GPUs are rented for the busiest time, and not all of theirs is used.
  const double usd_per_busy_gpu = scenario.gpu_usd_per_hour * scenario.traffic * scenario.peak * scenario.prompt *
                                  scenario.prefill_time * scenario.hits / scenario.utilisation;
  for (const Served& served : study.stores) {
    if (served.place != place_of(tier.kind->kind)) continue;
    CapacityPoint point;
    point.stored_bytes = served.blocks * scenario.traffic * tier.stored_bytes_per_block;
    point.token_hit_rate = served.token_hit_rate;
    point.saved_usd_per_hour = std::max(study.prefill_gpus - served.prefill_gpus, 0.0) * usd_per_busy_gpu;
    point.read_bytes_per_hour = moved_per_hour(served.read_payload_bytes_per_s);
    point.written_bytes_per_hour = moved_per_hour(served.written_payload_bytes_per_s);
    points.push_back(point);
  }
  return advise_capacity(points, tier.tier, basis.target_hit_rate);
}

Result<RentTierAnswer> answer_of(const PlanBasis& basis, const FleetStudy& study, const CacheKindRow& kind,
                                 const SizeAnswer& block, const Rented& rent, const Scenario& scenario) {
  RentTierAnswer out;
  out.kind = &kind;
  out.on = rent.on;
  out.verified = rent.verified;
  out.tier = {std::string(kind.name), rent.usd_per_gb_hour, rent.usd_per_gb_read, rent.usd_per_gb_written};
  const bool machines = kind.kind != CacheKind::serverless && place_of(kind.kind) == CachePlace::shared;
  out.stored_bytes_per_block =
      (machines ? block.memory_bytes : block.held_bytes) * (1 + basis.replicas * (machines ? 1.0 : 0.0));
  RentQuestion q;
  q.prefill = basis.prefill;
  q.block_size = basis.geometry->block_size();
  q.gpus = basis.tp;
  q.gpu_usd_per_hour = scenario.gpu_usd_per_hour * scenario.prefill_time;
  q.stored_bytes_per_block = out.stored_bytes_per_block;
  q.reuses = basis.demand->reuse.bins;
  q.last_uses = basis.demand->reuse.last_uses;
  auto answer = rent_answer(q, out.tier);
  if (!answer) return error(answer);
  out.answer = std::move(*answer);
  const auto advice = advice_of(basis, study, out, scenario);
  if (!advice) return error(advice);
  out.advice = *advice;
  return out;
}

}  // namespace

Result<std::vector<RentTierAnswer>> rent_tiers(const PlanBasis& basis, const FleetStudy& study,
                                               const Scenario& scenario) {
  static constexpr std::array kOrder{CacheKind::host_memory,   CacheKind::local_nvme, CacheKind::own_servers,
                                     CacheKind::redis_cluster, CacheKind::managed,    CacheKind::serverless};
  std::vector<RentTierAnswer> out;
  for (const CacheKind kind : kOrder) {
    const CacheKindRow& row = cache_kind_row(kind);
    const auto block = one_block(basis, row, scenario);
    if (!block) return error(block);
    const auto rent = rented(basis, kind, scenario.cache_price, block->value_bytes);
    if (!rent) continue;
    auto answer = answer_of(basis, study, row, *block, *rent, scenario);
    if (!answer) return error(answer);
    out.push_back(std::move(*answer));
  }
  return out;
}

}  // namespace kv
