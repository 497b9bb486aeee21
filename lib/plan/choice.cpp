#include "plan/choice.hpp"

#include <algorithm>
#include <limits>

namespace kv {
namespace {

double values_of(const PlanBasis& basis) { return static_cast<double>(basis.geometry->parts().size()); }

/// Values that one block is read or written as: each part in chunks, and the manifest.
double values_per_block(const PlanBasis& basis, const Scenario& scenario) {
  if (basis.chunk_bytes <= 0) return values_of(basis);
  const double part = basis.block_payload_bytes() * scenario.stored_per_payload / values_of(basis);
  return values_of(basis) * std::ceil(std::max(part / basis.chunk_bytes, 1.0)) + (basis.manifest_bytes > 0 ? 1 : 0);
}

SizeQuestion size_question(const PlanBasis& basis, const Served& served, const Scenario& scenario, double replicas) {
  SizeQuestion out;
  const auto block_tokens = static_cast<double>(basis.geometry->block_size().count());
  out.tokens = served.blocks * block_tokens * scenario.prompt;
  out.payload_bytes_per_token = basis.block_payload_bytes() / block_tokens;
  out.stored_per_payload = scenario.stored_per_payload;
  out.tokens_per_block = block_tokens;
  out.values_per_block = values_of(basis);
  out.most_value_bytes = basis.chunk_bytes;
  out.manifest_bytes = basis.manifest_bytes;
  out.replicas = replicas;
  out.traffic = scenario.traffic;
  return out;
}

RoiQuestion roi_question(const PlanBasis& basis, const CacheTraffic& traffic, const CacheOption& option,
                         const Scenario& scenario) {
  RoiQuestion out;
  out.fleet.gpus_per_instance = basis.gpus_per_instance();
  out.fleet.utilisation = scenario.utilisation;
  out.fleet.usd_per_gpu_hour = scenario.gpu_usd_per_hour;
  out.fleet.committed_instances = basis.committed_instances;
  out.baseline = traffic.baseline;
  out.cached = traffic.cached;
  out.cache_usd_per_month = option.cost->total();
  out.one_off_usd = option.one_off_usd;
  out.growth_per_month = scenario.growth_per_month;
  out.tokens_per_month = traffic.tokens_per_month;
  return out;
}

}  // namespace

CacheTraffic traffic_of(const PlanBasis& basis, const FleetStudy& study, const Served& served, const Scenario& s,
                        double values) {
  const Demand& demand = *basis.demand;
  const double busy = s.traffic * s.peak;
  CacheTraffic out;
  const double saved_gpus = std::max(study.prefill_gpus - served.prefill_gpus, 0.0);
  const double gpu_factor = busy * s.prompt * s.prefill_time;
  out.baseline = {study.prefill_gpus * gpu_factor, study.decode_gpus * busy * s.decode_time};
  out.cached = out.baseline;
  out.cached.prefill_gpus = std::max(study.prefill_gpus - saved_gpus * s.hits, 0.0) * gpu_factor;
  out.token_hit_rate = std::min(served.token_hit_rate * s.hits, 1.0);
  out.total_hit_rate = std::min(served.total_hit_rate + served.token_hit_rate * (s.hits - 1), 1.0);
  const double bytes_factor = s.prompt * s.stored_per_payload;
  const double read = served.read_payload_bytes_per_s * s.hits * bytes_factor;
  const double written =
      std::max(served.written_payload_bytes_per_s + served.read_payload_bytes_per_s * (1 - s.hits), 0.0) * bytes_factor;
  const double read_values = served.read_blocks_per_s * s.hits * s.prompt * values;
  const double written_values =
      std::max(served.written_blocks_per_s + served.read_blocks_per_s * (1 - s.hits), 0.0) * s.prompt * values;
  out.read_bytes_per_s = read * busy;
  out.written_bytes_per_s = written * busy;
  out.values_per_s = (read_values + written_values) * busy;
  const double month = s.traffic * s.load_factor;
  out.load.read_bytes_per_s = read * month;
  out.load.written_bytes_per_s = written * month;
  out.load.reads_per_s = read_values * month;
  out.load.writes_per_s = written_values * month;
  out.tokens_per_month = (demand.input_tokens_per_s * s.prompt + demand.output_tokens_per_s) * month * kSecondsPerMonth;
  return out;
}

CachePlace place_of(CacheKind kind) {
  if (kind == CacheKind::host_memory) return CachePlace::host_memory;
  return kind == CacheKind::local_nvme ? CachePlace::nvme : CachePlace::shared;
}

Result<std::optional<Plan>> plan_kind(const PlanBasis& basis, const FleetStudy& study, const Served& served,
                                      const CacheKindRow& kind, const Scenario& scenario, ZonePlacement zones,
                                      std::optional<std::uint32_t> replicas) {
  if (place_of(kind.kind) != served.place) return std::optional<Plan>();
  Plan out;
  out.served = &served;
  out.zones = zones;
  out.traffic = traffic_of(basis, study, served, scenario, values_per_block(basis, scenario));
  const std::uint32_t copies = replicas.value_or(basis.replicas);
  OptionsQuestion q;
  q.prices = basis.prices;
  q.price_level = scenario.cache_price;
  q.effort_level = scenario.effort_price;
  q.size = size_question(basis, served, scenario, copies);
  q.demand.read_bytes_per_s = out.traffic.read_bytes_per_s;
  q.demand.written_bytes_per_s = out.traffic.written_bytes_per_s;
  q.demand.ops_per_s = out.traffic.values_per_s;
  q.demand.connections = basis.instances() * basis.connections_per_engine;
  q.demand.replicas = copies;
  q.demand.bytes = basis.demand->popularity;
  q.load = out.traffic.load;
  q.load.replicas = copies;
  q.load.cross_zone_share = zones == ZonePlacement::spread ? kSpreadCrossing : basis.cross_zone_share;
  q.load.replica_cross_zone_share = copies > 0 && q.load.cross_zone_share > 0 ? 1 : 0;
  q.ops_per_s_per_node = basis.ops_per_s_per_node;
  q.gpus = basis.gpus;
  q.node = basis.node;
  q.managed_node = basis.managed_node;
  q.server = basis.server;
  auto option = cache_option(q, kind);
  if (!option) return error(option);
  out.option = std::move(*option);
  if (out.option.cost) {
    *out.option.cost *= scenario.cache_price_factor;
    const auto roi = return_on_investment(roi_question(basis, out.traffic, out.option, scenario));
    if (!roi) return error(roi);
    out.roi = *roi;
  }
  return std::optional<Plan>(std::move(out));
}

Result<std::vector<Plan>> best_plans(const PlanBasis& basis, const FleetStudy& study,
                                     const std::vector<const CacheKindRow*>& kinds, const Scenario& scenario) {
  std::vector<Plan> out;
  for (const CacheKindRow* kind : kinds) {
    std::optional<Plan> best;
    for (const Served& served : study.stores) {
      auto plan = plan_kind(basis, study, served, *kind, scenario);
      if (!plan) return error(plan);
      if (!*plan) continue;
      const bool better =
          !best || (!best->roi && (*plan)->roi) || (best->roi && (*plan)->roi && (*plan)->net_usd() > best->net_usd());
      if (better) best = std::move(**plan);
    }
    if (best) out.push_back(std::move(*best));
  }
  return out;
}

const Plan* best_of(const std::vector<Plan>& plans) {
  const Plan* best = nullptr;
  const auto is_platform = [](const Plan& plan) { return plan.option.row->kind == CacheKind::vendor_platform; };
  for (const Plan& plan : plans) {
    if (!plan.roi) continue;
    const bool firmer = best != nullptr && is_platform(*best) && !is_platform(plan);
    const bool vaguer = best != nullptr && !is_platform(*best) && is_platform(plan);
    if (best == nullptr || firmer || (!vaguer && plan.net_usd() > best->net_usd())) best = &plan;
  }
  return best;
}

}  // namespace kv
