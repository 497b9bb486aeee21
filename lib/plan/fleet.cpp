#include "plan/fleet.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "plan/demand.hpp"

namespace kv {
namespace {

double count_of(Tokens tokens) { return static_cast<double>(tokens.count()); }

/// Turns what was placed into what is served, and adds up what it takes.
class Planner {
 public:
  Planner(const Workload& workload, const Fleet& fleet, const SharedStore* store, bool keep)
      : workload_(workload), fleet_(fleet), store_(store), keep_(keep) {
    if (keep) requests_.reserve(std::min(workload.size(), kMostServed));
  }

  void add(const Placed& placed) {
    const Request request = workload_[placed.index];
    ServingRequest out;
    out.at = request.at;
    out.input = request.input;
    out.output = request.output;
    out.instance = placed.instance;
    const Tokens most = request.input - Tokens(1);  // the last token of a prompt is always computed
    const bool local = store_ != nullptr && store_->per_instance;
    const Tokens remote = placed.remote_own + placed.remote_other;
    out.cached = std::min(local ? placed.engine : placed.engine + placed.host, most);
    out.fetched = std::min(local ? placed.host + remote : remote, most - out.cached);
    if (out.fetched != Tokens(0)) choose_fetch(out);
    const Tokens there = out.cached + out.fetched;
    prefill_s_ += seconds(fleet_.prefill->cost(there, request.input - there));
    served_ += 1;
    output_tokens_ += count_of(request.output);
    context_tokens_ += count_of(request.output) * (count_of(request.input) + count_of(request.output) / 2);
    if (keep_ && placed.index + kMostServed >= workload_.size()) requests_.push_back(out);
  }

  void report(FleetPlacement& result, double span_s) {
    result.requests = std::move(requests_);
    result.fetched_requests = fetched_requests_;
    result.declined_requests = declined_requests_;
    result.fetched_tokens = fetched_tokens_;
    result.fetched_bytes = fetched_bytes_;
    if (served_ > 0) {
      result.mean_prefill_s = prefill_s_ / served_;
      result.mean_fetch_s = fetch_s_ / served_;
    }
    if (span_s <= 0) return;
    result.prefill_gpus = prefill_s_ * fleet_.tp / span_s;
    result.decode_gpus = decode_s() * fleet_.tp / span_s;
  }

 private:
  void choose_fetch(ServingRequest& request) {
    const Tokens whole = request.cached + request.fetched;
    const std::uint64_t have = request.cached.count() / workload_.block_size().count();
    const double bytes =
        static_cast<double>(store_->geometry->moved_behind(have, whole).count()) * store_->stored_per_payload;
    if (store_->fetch_only_if_faster && fetch_s(bytes) >= saved_s(request)) {
      request.fetched = Tokens(0);
      ++declined_requests_;
      return;
    }
    request.fetched_bytes = Bytes(static_cast<std::uint64_t>(bytes));
    ++fetched_requests_;
    fetched_tokens_ += request.fetched.count();
    fetched_bytes_ += bytes;
    fetch_s_ += fetch_s(bytes);
  }
  double fetch_s(double bytes) const {
    const FetchLinks& l = store_->links;
    return seconds(l.latency) + bytes / std::min({l.instance_bytes_per_s, l.server_bytes_per_s, l.flow_bytes_per_s});
  }
  double saved_s(const ServingRequest& request) const {
    const Tokens whole = request.cached + request.fetched;
    return seconds(fleet_.prefill->cost(request.cached, request.input - request.cached)) -
           seconds(fleet_.prefill->cost(whole, request.input - whole));
  }
  /// One instance's time for all output tokens, in batches as large as slots and KV allow.
  double decode_s() const {
    if (output_tokens_ <= 0 || fleet_.decode.batch_s.empty()) return 0;
    const double context = context_tokens_ / output_tokens_;
    double batch = std::min<double>(fleet_.slots, static_cast<double>(fleet_.decode.batch_s.size()));
    if (fleet_.kv_tokens) batch = std::min(batch, count_of(*fleet_.kv_tokens) / std::max(context, 1.0));
    const auto sequences = static_cast<std::uint64_t>(std::max(batch, 1.0));
    const auto together = static_cast<double>(sequences);
    return output_tokens_ * fleet_.decode.step_s(sequences, together * context) / together;
  }

  const Workload& workload_;
  const Fleet& fleet_;
  const SharedStore* store_;
  bool keep_;
  std::vector<ServingRequest> requests_;
  double prefill_s_ = 0, output_tokens_ = 0, context_tokens_ = 0, fetched_bytes_ = 0, fetch_s_ = 0, served_ = 0;
  std::uint64_t fetched_requests_ = 0, declined_requests_ = 0, fetched_tokens_ = 0;
};

PlacementOptions placement_of(const Fleet& fleet, const SharedStore* store) {
  PlacementOptions out;
  out.router.instances = fleet.instances;
  out.router.routing = fleet.routing;
  out.router.seed = fleet.seed;
  out.engine = fleet.engine_cache;
  out.host = fleet.host_cache;
  if (store != nullptr) (store->per_instance ? out.host : out.remote) = store->capacity;
  return out;
}

}  // namespace

ServingOptions serving_options(const Fleet& fleet, const SharedStore* store, const ServingSlo& slo) {
  ServingOptions out;
  out.instances = fleet.instances;
  out.token_budget = fleet.token_budget;
  out.slots = fleet.slots;
  out.kv_tokens = fleet.kv_tokens;
  out.decode = fleet.decode;
  if (store != nullptr) out.links = store->links;
  out.slo = slo;
  return out;
}

Result<FleetPlacement> place_fleet(const Workload& workload, const Fleet& fleet, const SharedStore* store, bool keep,
                                   const std::atomic<bool>* stop) {
  Planner planner(workload, fleet, store, keep);
  auto placement = simulate_placement(
      workload, placement_of(fleet, store), [&planner](const Placed& placed) { planner.add(placed); }, stop);
  if (!placement) return error(placement);
  FleetPlacement out;
  out.placement = std::move(*placement);
  planner.report(out, span_of(workload));
  if (store == nullptr) return out;
  const TierCounts& tier = store->per_instance ? out.placement.host : out.placement.remote;
  out.written_blocks = static_cast<double>(tier.written_blocks);
  if (tier.hit_tokens > 0) {
    const double fetched = static_cast<double>(out.fetched_tokens) / static_cast<double>(tier.hit_tokens);
    out.read_blocks = static_cast<double>(tier.hit_blocks) * std::min(fetched, 1.0);
  }
  out.stored_bytes = out.written_blocks *
                     static_cast<double>(store->geometry->stored(Tokens(0), workload.block_size()).count()) *
                     store->stored_per_payload;
  return out;
}

Result<ServingResult> serve_fleet(const FleetPlacement& placed, const Fleet& fleet, const SharedStore* store,
                                  const ServingSlo& slo, const std::atomic<bool>* stop) {
  return simulate_serving(serving_options(fleet, store, slo), *fleet.prefill, placed.requests, stop);
}

}  // namespace kv
