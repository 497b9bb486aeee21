#include "plan/study.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/parallel.hpp"
#include "plan/roi.hpp"

namespace kv {
namespace {

/// Of a workload's unique blocks.
constexpr std::array kSharedSizes{0.02, 0.1, 0.2, 0.35, 0.6, 1.0};
/// Of the room that there is, where it is less than the workload could fill.
constexpr std::array kLocalSizes{0.3, 1.0};

/// A store that is to be looked at.
struct Size {
  CachePlace place;
  double blocks;
};

std::vector<Size> sizes_of(const PlanBasis& basis, double instances, double traffic, double stored_per_payload) {
  const double unique = std::max(basis.demand->unique_blocks, 1.0);
  const double block_bytes = basis.block_payload_bytes() * stored_per_payload;
  std::vector<Size> out;
  const auto add = [&out](CachePlace place, double blocks) {
    blocks = std::floor(blocks);
    if (blocks < 1) return;
    if (!out.empty() && out.back().place == place && out.back().blocks >= blocks) return;
    out.push_back({place, blocks});
  };
  // What is given is for all of the traffic.
  const std::optional<double> given =
      basis.cache_bytes ? std::optional(*basis.cache_bytes / block_bytes / traffic) : std::nullopt;
  if (given) {
    add(CachePlace::shared, *given);
  } else {
    for (const double share : kSharedSizes) add(CachePlace::shared, unique * share);
  }
  for (const CachePlace place : {CachePlace::host_memory, CachePlace::nvme}) {
    const double room = local_room_blocks(basis, place, instances, stored_per_payload);
    const double wanted = given ? *given : unique * std::max(instances, 1.0);
    for (const double share : kLocalSizes) add(place, std::min(room, wanted) * share);
  }
  return out;
}

Served served_of(const PlanBasis& basis, const Size& size, const FleetPlacement& placed, double stored_per_payload) {
  Served out;
  out.place = size.place;
  out.blocks = size.blocks;
  out.prefill_gpus = placed.prefill_gpus;
  const double span_s = basis.demand->span_s;
  const PlacementResult& p = placed.placement;
  const auto input = static_cast<double>(p.input_tokens);
  out.token_hit_rate = static_cast<double>(placed.fetched_tokens) / input;
  const std::uint64_t others = p.engine.hit_tokens + (size.place == CachePlace::shared ? p.host.hit_tokens : 0);
  out.total_hit_rate = out.token_hit_rate + static_cast<double>(others) / input;
  out.read_payload_bytes_per_s = placed.fetched_bytes / stored_per_payload / span_s;
  out.written_payload_bytes_per_s = placed.stored_bytes / stored_per_payload / span_s;
  out.read_blocks_per_s = placed.read_blocks / span_s;
  out.written_blocks_per_s = placed.written_blocks / span_s;
  const TierCounts& tier = size.place == CachePlace::shared ? p.remote : p.host;
  if (tier.hit_tokens > 0) {
    out.crossing_share = static_cast<double>(p.crossing_tokens) / static_cast<double>(tier.hit_tokens);
  }
  const auto hits = static_cast<double>(placed.fetched_requests + placed.declined_requests);
  if (hits > 0) out.declined_share = static_cast<double>(placed.declined_requests) / hits;
  return out;
}

const LocalPrice* local_price(const PriceFile& prices, CachePlace place) {
  const LocalKind kind = place == CachePlace::nvme ? LocalKind::nvme : LocalKind::host_memory;
  for (const LocalPrice& local : prices.locals) {
    if (local.kind == kind) return &local;
  }
  return nullptr;
}

}  // namespace

double PlanBasis::block_payload_bytes() const {
  return static_cast<double>(geometry->stored(Tokens(0), geometry->block_size()).count());
}

namespace {

/// Instances of a fleet that one workload has.
struct Slice {
  double exact = 1;
  std::uint32_t instances = 1;
  double cache_share = 1;  // exact / instances
};

Slice slice_of(const PlanBasis& basis, double traffic) {
  Slice out;
  out.exact = basis.instances() / std::max(traffic, 1e-9);
  out.instances = static_cast<std::uint32_t>(std::clamp(std::round(out.exact), 1.0, 65536.0));
  out.cache_share = out.exact / out.instances;
  return out;
}

}  // namespace

Result<std::uint32_t> useful_gpus(const PlanBasis& basis, const Scenario& s, const std::atomic<bool>* stop) {
  PlanBasis whole = basis;
  whole.gpus = basis.fleet_gpus;
  const Slice slice = slice_of(whole, s.traffic);
  const auto placed =
      place_fleet(*basis.workload, fleet_of(whole, slice.instances, slice.cache_share), nullptr, false, stop);
  if (!placed) return error(placed);
  const double busy = s.traffic * s.peak;
  const GpuDemand demand{placed->prefill_gpus * busy * s.prompt * s.prefill_time,
                         placed->decode_gpus * busy * s.decode_time};
  const auto needed = instances_needed(demand, {basis.gpus_per_instance(), s.utilisation, 0, 0});
  if (!needed) return error(needed);
  const double useful = std::min(*needed, static_cast<double>(whole.instances()));
  return static_cast<std::uint32_t>(useful) * basis.gpus_per_instance();
}

Fleet fleet_of(const PlanBasis& basis, std::uint32_t instances, double cache_share) {
  const auto shared = [cache_share](Blocks blocks) {
    return Blocks(static_cast<std::uint64_t>(static_cast<double>(blocks.count()) * cache_share));
  };
  Fleet out;
  out.prefill = basis.prefill;
  out.decode = basis.decode;
  out.instances = instances;
  out.tp = basis.tp;
  out.routing = basis.routing;
  out.engine_cache = shared(basis.engine_cache);
  out.host_cache = shared(basis.host_cache);
  out.slots = static_cast<std::uint32_t>(std::max<std::size_t>(basis.decode.batch_s.size(), 1));
  out.seed = basis.seed;
  const std::uint64_t room = basis.engine_cache.count() * basis.geometry->block_size().count();
  if (room > 0) out.kv_tokens = Tokens(room);
  return out;
}

SharedStore store_of(const PlanBasis& basis, CachePlace place, double blocks, std::uint32_t instances,
                     double stored_per_payload) {
  SharedStore out;
  out.geometry = basis.geometry;
  out.stored_per_payload = stored_per_payload;
  out.fetch_only_if_faster = basis.fetch_only_if_faster;
  if (place == CachePlace::shared) {
    out.capacity = Blocks(static_cast<std::uint64_t>(blocks));
    out.links = basis.links;
    return out;
  }
  out.per_instance = true;
  out.capacity = Blocks(std::max<std::uint64_t>(static_cast<std::uint64_t>(blocks / instances), 1));
  if (const LocalPrice* local = local_price(*basis.prices, place)) {
    out.links.instance_bytes_per_s = std::max(local->bytes_per_s_per_gpu * basis.gpus_per_instance(), 1.0);
  }
  return out;
}

double local_room_blocks(const PlanBasis& basis, CachePlace place, double instances, double stored_per_payload) {
  const LocalPrice* local = local_price(*basis.prices, place);
  if (local == nullptr) return 0;
  const double bytes = static_cast<double>(local->capacity_per_gpu.count()) * basis.gpus_per_instance();
  return std::floor(bytes / (basis.block_payload_bytes() * stored_per_payload) * instances);
}

Result<FleetStudy> study_fleet(const PlanBasis& basis, double traffic, double stored_per_payload, unsigned threads,
                               const std::atomic<bool>* stop) {
  FleetStudy out;
  const Slice slice = slice_of(basis, traffic);
  out.instances = slice.instances;
  out.cache_share = slice.cache_share;
  const Fleet fleet = fleet_of(basis, out.instances, out.cache_share);
  const std::vector<Size> sizes = sizes_of(basis, slice.exact, std::max(traffic, 1e-9), stored_per_payload);
  // The first is the engines alone.
  std::vector<std::optional<Result<FleetPlacement>>> placed(sizes.size() + 1);
  run_parallel(placed.size(), threads, [&](std::size_t i) {
    if (i == 0) {
      placed[i] = place_fleet(*basis.workload, fleet, nullptr, false, stop);
      return;
    }
    const Size& size = sizes[i - 1];
    const SharedStore store = store_of(basis, size.place, size.blocks, out.instances, stored_per_payload);
    placed[i] = place_fleet(*basis.workload, fleet, &store, false, stop);
  });
  for (const auto& one : placed) {
    if (!*one) return error(*one);
  }
  const FleetPlacement& alone = **placed[0];
  out.prefill_gpus = alone.prefill_gpus;
  out.decode_gpus = alone.decode_gpus;
  out.baseline_hit_rate = alone.placement.hit_rate();
  out.missed_tokens_per_s = static_cast<double>(alone.placement.missed_tokens) / basis.demand->span_s;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    out.stores.push_back(served_of(basis, sizes[i], **placed[i + 1], stored_per_payload));
  }
  return out;
}

}  // namespace kv
