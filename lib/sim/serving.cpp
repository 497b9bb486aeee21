#include "sim/serving.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>

#include "sim/min_tree.hpp"
#include "sim/sim_instance.hpp"

namespace kv {
namespace {

constexpr double kLongest_s = 9e9;  // that still fits a Duration
constexpr std::uint64_t kMostTokens = UINT32_MAX;

Duration bounded(double s) { return from_seconds(std::clamp(s, 0.0, kLongest_s)); }

}  // namespace

std::optional<double> ServingResult::goodput_per_s() const {
  if (span <= Duration(0)) return std::nullopt;
  return static_cast<double>(within_slo) / seconds(span);
}

double ServingResult::slo_share() const {
  return requests == 0 ? 1.0 : static_cast<double>(within_slo) / static_cast<double>(requests);
}

struct ServingSimulation::State {
  State(const ServingOptions& o, const Prefill& prefill)
      : options(o),
        network(o.instances, o.links),
        events(o.instances, SimInstance::kNever),
        load(o.instances, UINT32_MAX) {
    const std::uint64_t budget = o.token_budget.count();
    const InstanceLimits limits{&prefill, &options.decode, budget, std::min<std::uint64_t>(o.slots, budget),
                                o.kv_tokens ? o.kv_tokens->count() : UINT64_MAX};
    instances.assign(o.instances, SimInstance(limits));
    for (std::uint32_t i = 0; i < o.instances; ++i) load.set(i, 0);
  }

  Result<void> check(const ServingRequest& r) const;
  InFlight begin(const ServingRequest& r) const;
  void run_until(double until_s);
  void route(std::uint32_t slot, const ServingRequest& r);
  void enter(std::uint32_t slot, std::uint32_t instance, double now_s);
  void ready(std::uint32_t slot, double now_s);
  void end(std::uint32_t slot);
  void let_in(double now_s);
  void record(const InFlight& request);

  ServingOptions options;
  FetchNetwork network;
  std::vector<SimInstance> instances;
  MinTree<double> events;       // by instance: its next
  MinTree<std::uint32_t> load;  // by instance: requests in it
  InFlightPool pool;
  std::vector<double> bytes;         // by slot: what is left to fetch for it
  std::deque<std::uint32_t> line;    // of shared_queue
  std::vector<std::uint32_t> ended;  // kept for their memory
  std::vector<FetchNetwork::Ended> fetched;
  std::uint32_t turn = 0;
  std::optional<Duration> first, last;  // arrivals
  double end_s = 0;
  ServingResult result;
};

Result<void> ServingSimulation::State::check(const ServingRequest& r) const {
  const auto bad = [this](std::string_view what, std::string_view hint) {
    return error(Code::bad_input, fmt::format("request {}: {}", result.requests, what), std::string(hint));
  };
  if (last && r.at < *last) return bad("it comes before the one in front of it", "sort requests by arrival");
  if (r.input.count() == 0 || r.input.count() > kMostTokens || r.output.count() > kMostTokens) {
    return bad(fmt::format("{} tokens in, {} out", r.input.count(), r.output.count()),
               "a prompt has 1 to 2^32 - 1 tokens, an answer no more");
  }
  const std::uint64_t cached = r.cached.count(), fetched_tokens = r.fetched.count(), input = r.input.count();
  if (cached > input || fetched_tokens > input - cached) {
    return bad(fmt::format("{} cached and {} fetched tokens are more than its {}", cached, fetched_tokens, input),
               "count each token once");
  }
  if (r.store < Duration(0)) return bad("its store takes less than no time", "");
  if (r.instance && *r.instance >= instances.size()) {
    return bad(fmt::format("there is no instance {}, only {}", *r.instance, instances.size()), "they count from 0");
  }
  if (r.output.count() > 1 && options.decode.batch_s.empty()) {
    return bad("it has an output, but what a decode step takes is not known", "give ServingOptions::decode");
  }
  return {};
}

/// A prompt of which all is there computes its last token again: it has the first one's logits.
InFlight ServingSimulation::State::begin(const ServingRequest& r) const {
  const std::uint64_t there = std::min(r.cached.count() + r.fetched.count(), r.input.count() - 1);
  InFlight out;
  out.index = result.requests;
  out.arrival_s = out.ready_s = seconds(r.at - *first);
  out.store_s = seconds(r.store);
  out.prefix = there;
  out.fresh = r.input.count() - there;
  out.output = r.output.count();
  return out;
}

void ServingSimulation::State::run_until(double until_s) {
  for (;;) {
    const double fetch = network.next_s(), engine = events.min();
    if (!(std::min(fetch, engine) < until_s)) return;
    ended.clear();
    if (fetch <= engine) {  // whoever is there when a step ends takes part in the next
      fetched.clear();
      network.step(fetched);
      for (const FetchNetwork::Ended& f : fetched) ready(f.id, fetch);
      continue;
    }
    const std::size_t i = events.first();
    instances[i].end(pool, ended);
    for (const std::uint32_t slot : ended) end(slot);
    let_in(engine);
    instances[i].begin(pool);
    events.set(i, instances[i].next_s());
  }
}

void ServingSimulation::State::route(std::uint32_t slot, const ServingRequest& r) {
  const double now = pool[slot].arrival_s;
  if (r.instance) return enter(slot, *r.instance, now);
  switch (options.routing) {
    case ServingRouting::least_requests:
      return enter(slot, static_cast<std::uint32_t>(load.first()), now);
    case ServingRouting::round_robin:
      return enter(slot, std::exchange(turn, (turn + 1) % options.instances), now);
    case ServingRouting::shared_queue:
      line.push_back(slot);
      return let_in(now);
  }
}

void ServingSimulation::State::let_in(double now_s) {
  const std::uint64_t slots = std::min<std::uint64_t>(options.slots, options.token_budget.count());
  while (!line.empty() && load.min() < slots) {
    enter(line.front(), static_cast<std::uint32_t>(load.first()), now_s);
    line.pop_front();
  }
}

void ServingSimulation::State::enter(std::uint32_t slot, std::uint32_t instance, double now_s) {
  pool[slot].instance = instance;
  pool[slot].ready_s = now_s;
  load.set(instance, load.value(instance) + 1);
  if (bytes[slot] < 0) return ready(slot, now_s);
  network.start(now_s, instance, slot, bytes[slot]);
}

void ServingSimulation::State::ready(std::uint32_t slot, double now_s) {
  InFlight& request = pool[slot];
  request.fetch_s = now_s - request.ready_s;
  request.ready_s = now_s;
  SimInstance& instance = instances[request.instance];
  instance.ready(pool, slot, now_s);
  events.set(request.instance, instance.next_s());
}

void ServingSimulation::State::end(std::uint32_t slot) {
  const InFlight& request = pool[slot];
  load.set(request.instance, load.value(request.instance) - 1);
  record(request);
  pool.remove(slot);
}

void ServingSimulation::State::record(const InFlight& request) {
  const double since = request.arrival_s;
  const ServedRequest served{request.index,
                             request.instance,
                             bounded(request.fetch_s),
                             bounded(request.prefill_s - since - request.fetch_s),
                             bounded(request.first_token_s - since),
                             bounded(request.end_s - since)};
  const ServingSlo& slo = options.slo;
  ++result.served;
  result.within_slo += (!slo.ttft || served.ttft <= *slo.ttft) && (!slo.total || served.total <= *slo.total);
  result.computed_tokens += request.fresh;
  result.output_tokens += request.output;
  result.ttft.record(served.ttft);
  result.queue.record(served.queue);
  result.fetch.record(served.fetch);
  result.total.record(served.total);
  if (request.output > 1) {
    const auto behind = static_cast<double>(request.output - 1);
    result.token_time.record(bounded((request.end_s - request.first_token_s) / behind));
  }
  end_s = std::max(end_s, request.end_s);
  if (options.on_served) options.on_served(served);
}

Result<ServingSimulation> ServingSimulation::make(const ServingOptions& options, const Prefill& prefill) {
  if (const Result<void> checked = check_serving_options(options); !checked) return error(checked);
  return ServingSimulation(std::make_unique<State>(options, prefill));
}

ServingSimulation::ServingSimulation(std::unique_ptr<State> state) : state_(std::move(state)) {}
ServingSimulation::ServingSimulation(ServingSimulation&&) noexcept = default;
ServingSimulation& ServingSimulation::operator=(ServingSimulation&&) noexcept = default;
ServingSimulation::~ServingSimulation() = default;

Result<void> ServingSimulation::offer(const ServingRequest& request) {
  State& s = *state_;
  if (auto checked = s.check(request); !checked) return checked;
  if (!s.first) s.first = request.at;
  s.last = request.at;
  const InFlight begun = s.begin(request);
  ++s.result.requests;
  s.run_until(begun.arrival_s);
  if (s.options.kv_tokens && begun.tokens() > s.options.kv_tokens->count()) {
    ++s.result.refused;
    return {};
  }
  const std::uint32_t slot = s.pool.add(begun);
  if (slot >= s.bytes.size()) s.bytes.resize(slot + 1);
  s.bytes[slot] = request.fetched.count() == 0 ? -1 : static_cast<double>(request.fetched_bytes.count());
  s.route(slot, request);
  return {};
}

ServingResult ServingSimulation::finish() {
  State& s = *state_;
  s.run_until(SimInstance::kNever);
  if (s.last) s.end_s = std::max(s.end_s, seconds(*s.last - *s.first));
  s.result.span = bounded(s.end_s);
  s.result.fetched_bytes = s.network.moved_bytes();
  std::uint64_t steps = 0;
  double busy_s = 0;
  for (const SimInstance& instance : s.instances) {
    steps += instance.steps();
    s.result.decoded_tokens += instance.decoded_tokens();
    busy_s += instance.busy_s();
  }
  if (steps > 0) s.result.mean_batch = static_cast<double>(s.result.decoded_tokens) / static_cast<double>(steps);
  if (s.end_s > 0) {
    s.result.utilisation = std::min(1.0, busy_s / (s.end_s * s.options.instances));
    s.result.network_busy = std::min(1.0, s.network.busy_s() / s.end_s);
  }
  return s.result;
}

Result<ServingResult> simulate_serving(const ServingOptions& options, const Prefill& prefill,
                                       std::span<const ServingRequest> requests, const std::atomic<bool>* stop) {
  Result<ServingSimulation> simulation = ServingSimulation::make(options, prefill);
  if (!simulation) return error(simulation);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (i % 1024 == 0 && stop != nullptr && *stop) {
      return error(Code::interrupted, fmt::format("stopped at request {} of {} of a simulation", i, requests.size()));
    }
    if (const auto offered = simulation->offer(requests[i]); !offered) return error(offered);
  }
  return simulation->finish();
}

}  // namespace kv
