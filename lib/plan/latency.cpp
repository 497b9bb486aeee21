#include "plan/latency.hpp"

#include <algorithm>
#include <vector>

#include "sim/queueing.hpp"

namespace kv {
namespace {

constexpr double kSloShare = 0.95, kSloPatience = 3;
constexpr std::uint32_t kMostTried = 4096;

/// What 19 of 20 prompts take an idle engine without any cache, three times.
ServingSlo usual_slo(const PlanBasis& basis, const std::vector<ServingRequest>& requests) {
  std::vector<Duration> alone;
  alone.reserve(requests.size());
  for (const ServingRequest& r : requests) alone.push_back(basis.prefill->cost(Tokens(0), r.input));
  const auto at = static_cast<std::size_t>(static_cast<double>(alone.size() - 1) * kSloShare);
  std::nth_element(alone.begin(), alone.begin() + static_cast<std::ptrdiff_t>(at), alone.end());
  ServingSlo out;
  out.ttft = from_seconds(seconds(alone[at]) * kSloPatience);
  out.share = kSloShare;
  return out;
}

Result<FleetLatency> latency_with(const PlanBasis& basis, FleetPlacement& placed, const Fleet& fleet,
                                  const SharedStore* store, const ServingSlo& slo, bool smallest_too,
                                  const std::atomic<bool>* stop) {
  FleetLatency out;
  auto served = serve_fleet(placed, fleet, store, slo, stop);
  if (!served) return error(served);
  out.simulated = std::move(*served);
  out.busy_share = (placed.prefill_gpus + placed.decode_gpus) / fleet.tp / fleet.instances;
  out.mean_prefill_s = placed.mean_prefill_s;
  out.mean_fetch_s = placed.mean_fetch_s;
  out.mmc_wait_s = mmc_mean_wait_s({basis.demand->requests_per_s, placed.mean_prefill_s, fleet.instances});
  if (!smallest_too) return out;
  // Whoever has a slot free takes a request, wherever it was placed: its hits are those of this fleet.
  for (ServingRequest& request : placed.requests) request.instance.reset();
  const std::uint32_t most = std::min(std::max(2 * fleet.instances, 4U), kMostTried);
  const auto all = [&placed](std::uint32_t) { return std::span<const ServingRequest>(placed.requests); };
  auto smallest = smallest_instances(serving_options(fleet, store, slo), *fleet.prefill, all, most, stop);
  if (!smallest) return error(smallest);
  out.smallest_instances = smallest->instances;
  return out;
}

/// A store of each instance stays as large as it is in a fleet of `instances`.
Result<FleetLatency> latency_stored(const PlanBasis& basis, const Fleet& fleet, const Served& served,
                                    std::uint32_t instances, double stored_per_payload, const ServingSlo& slo,
                                    const std::atomic<bool>* stop) {
  const SharedStore store = store_of(basis, served.place, served.blocks, instances, stored_per_payload);
  auto placed = place_fleet(*basis.workload, fleet, &store, true, stop);
  if (!placed) return error(placed);
  return latency_with(basis, *placed, fleet, &store, slo, fleet.instances == instances, stop);
}

Result<void> add_ideal(const PlanBasis& basis, const Fleet& fleet, LatencyAnswer& out, const std::atomic<bool>* stop) {
  SharedStore ideal;
  ideal.geometry = basis.geometry;
  ideal.capacity = Blocks(basis.workload->unique_blocks());
  auto placed = place_fleet(*basis.workload, fleet, &ideal, true, stop);
  if (!placed) return error(placed);
  out.ideal_prefill_gpus = placed->prefill_gpus;
  const auto served = serve_fleet(*placed, fleet, &ideal, out.slo, stop);
  if (!served) return error(served);
  out.ideal_p95_ttft_ns = served->ttft.quantile(0.95);
  return {};
}

}  // namespace

std::optional<double> FleetLatency::closed_form_ttft_s() const {
  if (!mmc_wait_s) return std::nullopt;
  return *mmc_wait_s + mean_fetch_s + mean_prefill_s;
}

Result<LatencyAnswer> latency_of(const PlanBasis& basis, const FleetStudy& study, const Served* served,
                                 std::uint32_t fewer, double stored_per_payload, const std::optional<ServingSlo>& slo,
                                 const std::atomic<bool>* stop) {
  const Fleet fleet = fleet_of(basis, study.instances, study.cache_share);
  LatencyAnswer out;
  out.instances = study.instances;
  auto alone = place_fleet(*basis.workload, fleet, nullptr, true, stop);
  if (!alone) return error(alone);
  out.slo_given = slo.has_value();
  out.slo = slo ? *slo : usual_slo(basis, alone->requests);
  auto without = latency_with(basis, *alone, fleet, nullptr, out.slo, true, stop);
  if (!without) return error(without);
  out.without = std::move(*without);
  if (auto ideal = add_ideal(basis, fleet, out, stop); !ideal) return error(ideal);
  if (served == nullptr) {
    out.with = out.without;
    return out;
  }
  auto with = latency_stored(basis, fleet, *served, study.instances, stored_per_payload, out.slo, stop);
  if (!with) return error(with);
  out.with = std::move(*with);
  if (fewer >= study.instances || fewer == 0) return out;
  out.fewer_instances = fewer;
  auto left = latency_stored(basis, fleet_of(basis, fewer, study.cache_share), *served, study.instances,
                             stored_per_payload, out.slo, stop);
  if (!left) return error(left);
  out.with_fewer = std::move(*left);
  return out;
}

}  // namespace kv
