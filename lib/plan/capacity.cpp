#include "plan/capacity.hpp"

#include <algorithm>

#include "plan/demand.hpp"

namespace kv {

Result<std::vector<CapacityPoint>> capacity_points(const Workload& workload, const Fleet& fleet,
                                                   const SharedStore& store, std::span<const Blocks> capacities,
                                                   double usd_per_gpu_hour, const std::atomic<bool>* stop) {
  const auto without = place_fleet(workload, fleet, nullptr, false, stop);
  if (!without) return error(without);
  const double block_bytes =
      static_cast<double>(store.geometry->stored(Tokens(0), workload.block_size()).count()) * store.stored_per_payload;
  const double hours = span_of(workload) / 3600;
  std::vector<CapacityPoint> out;
  for (const Blocks capacity : capacities) {
    SharedStore sized = store;
    sized.capacity = capacity;
    const auto with = place_fleet(workload, fleet, &sized, false, stop);
    if (!with) return error(with);
    CapacityPoint point;
    point.stored_bytes = block_bytes * static_cast<double>(capacity.count());
    if (with->placement.input_tokens > 0) {
      point.token_hit_rate =
          static_cast<double>(with->fetched_tokens) / static_cast<double>(with->placement.input_tokens);
    }
    point.saved_usd_per_hour = std::max(0.0, without->prefill_gpus - with->prefill_gpus) * usd_per_gpu_hour;
    if (hours > 0) {
      point.read_bytes_per_hour = with->fetched_bytes / hours;
      point.written_bytes_per_hour = with->stored_bytes / hours;
    }
    out.push_back(point);
  }
  return out;
}

}  // namespace kv
