#include "plan/where.hpp"

#include <array>

#include "base/parallel.hpp"

namespace kv {
namespace {

constexpr std::array kRoutings{Routing::random, Routing::least_loaded, Routing::sticky_session, Routing::prefix_aware};
constexpr std::array kKept{WhereKept::host, WhereKept::shared, WhereKept::both};

bool has_host(WhereKept kept) { return kept == WhereKept::host || kept == WhereKept::both; }
bool has_shared(WhereKept kept) { return kept == WhereKept::shared || kept == WhereKept::both; }

WhereRow row_of(Routing routing, WhereKept kept, const FleetPlacement& placed) {
  const PlacementResult& p = placed.placement;
  const auto share = [&p](std::uint64_t tokens) {
    return p.input_tokens == 0 ? 0 : static_cast<double>(tokens) / static_cast<double>(p.input_tokens);
  };
  WhereRow out;
  out.routing = routing;
  out.kept = kept;
  out.hit_rate = p.hit_rate();
  out.engine_hit_rate = share(p.engine.hit_tokens);
  out.host_hit_rate = share(p.host.hit_tokens);
  out.shared_hit_rate = share(p.remote.hit_tokens);
  out.crossing_rate = share(p.crossing_tokens);
  out.computed_gpus = placed.prefill_gpus;
  out.imbalance = p.imbalance();
  return out;
}

}  // namespace

std::string_view where_kept_name(WhereKept kept) {
  switch (kept) {
    case WhereKept::engines:
      return "engines alone";
    case WhereKept::host:
      return "host memory";
    case WhereKept::shared:
      return "shared store";
    case WhereKept::both:
      return "both";
  }
  return "";
}

Result<std::vector<WhereRow>> where_to_keep(const PlanBasis& basis, const FleetStudy& study, double shared_blocks,
                                            double stored_per_payload, unsigned threads,
                                            const std::atomic<bool>* stop) {
  const SharedStore shared = store_of(basis, CachePlace::shared, shared_blocks, study.instances, stored_per_payload);
  const double host = local_room_blocks(basis, CachePlace::host_memory, study.cache_share, stored_per_payload);
  struct Asked {
    Routing routing;
    WhereKept kept;
  };
  std::vector<Asked> asked{{basis.routing, WhereKept::engines}};
  for (const Routing routing : kRoutings) {
    if (routing == Routing::sticky_session && basis.workload->sessions() == 0) continue;  // random then
    for (const WhereKept kept : kKept) asked.push_back({routing, kept});
  }
  std::vector<std::optional<Result<FleetPlacement>>> placed(asked.size());
  run_parallel(placed.size(), threads, [&](std::size_t i) {
    Fleet fleet = fleet_of(basis, study.instances, study.cache_share);
    fleet.routing = asked[i].routing;
    if (has_host(asked[i].kept)) {
      fleet.host_cache = std::max(fleet.host_cache, Blocks(static_cast<std::uint64_t>(host)));
    }
    placed[i] = place_fleet(*basis.workload, fleet, has_shared(asked[i].kept) ? &shared : nullptr, false, stop);
  });
  std::vector<WhereRow> out;
  for (std::size_t i = 0; i < placed.size(); ++i) {
    if (!*placed[i]) return error(*placed[i]);
    out.push_back(row_of(asked[i].routing, asked[i].kept, **placed[i]));
  }
  return out;
}

}  // namespace kv
