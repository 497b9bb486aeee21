#include "sim/placement.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/tier_cache.hpp"

namespace kv {
namespace {

constexpr std::uint32_t kMostInstances = 65'536;

void count(TierCounts& tier, std::uint64_t tokens, std::uint64_t blocks, const TierCache& cache) {
  tier.hit_tokens += tokens;
  tier.hit_blocks += blocks;
  tier.hit_requests += tokens > 0;
  tier.written_blocks += cache.inserted().size();
  tier.evicted_blocks += cache.evicted().size();
}

}  // namespace

Result<void> check_placement(const PlacementOptions& options) {
  const RouterOptions& r = options.router;
  if (r.instances == 0 || r.instances > kMostInstances) {
    return error(Code::bad_input, fmt::format("{} instances cannot be simulated", r.instances),
                 fmt::format("give 1 to {}", kMostInstances));
  }
  if (r.load_window <= Duration(0)) {
    return error(Code::bad_input, "loads that are forgotten at once balance nothing", "give a load window above 0");
  }
  if (!(r.load_limit >= 1 && r.load_limit <= 1e9)) {
    return error(Code::bad_input, fmt::format("a load limit of {} times the mean load", r.load_limit),
                 "some instance is always at the mean or above it: give at least 1");
  }
  return {};
}

double PlacementResult::hit_rate() const {
  if (input_tokens == 0) return 0;
  return static_cast<double>(input_tokens - missed_tokens) / static_cast<double>(input_tokens);
}

double PlacementResult::imbalance() const {
  std::uint64_t most = 0, sum = 0;
  for (const std::uint64_t tokens : computed_tokens) {
    most = std::max(most, tokens);
    sum += tokens;
  }
  if (sum == 0) return 1;
  return static_cast<double>(most) * static_cast<double>(computed_tokens.size()) / static_cast<double>(sum);
}

struct PlacementSimulation::State {
  State(const PlacementOptions& o, Tokens block)
      : options(o), block_size(block.count()), router(o.router), remote(o.remote) {
    for (std::uint32_t i = 0; i < o.router.instances; ++i) {
      engines.emplace_back(o.engine);
      hosts.emplace_back(o.host);
    }
    result.computed_tokens.resize(o.router.instances);
  }

  /// In the first `blocks` blocks of a prompt.
  std::uint64_t tokens(std::uint64_t blocks, const PlacementRequest& r) const {
    return std::min(blocks * block_size, r.input.count());
  }
  Placed serve(const PlacementRequest& r);
  std::uint64_t other_tokens(const PlacementRequest& r, std::uint32_t instance, std::size_t from) const;
  void tell_router(std::uint32_t instance);

  PlacementOptions options;
  std::uint64_t block_size;
  Router router;
  std::vector<TierCache> engines, hosts;  // by instance
  TierCache remote;
  PlacementResult result;
};

Placed PlacementSimulation::State::serve(const PlacementRequest& r) {
  const std::uint32_t i = router.route(r.at, r.session, r.blocks);
  const std::uint64_t in_engine = engines[i].serve(r.blocks, i).hits;
  const std::uint64_t in_host = std::max<std::uint64_t>(hosts[i].serve(r.blocks, i).hits, in_engine);
  const std::uint64_t in_remote = std::max<std::uint64_t>(remote.serve(r.blocks, i).hits, in_host);
  const std::uint64_t engine = tokens(in_engine, r), host = tokens(in_host, r) - engine;
  const std::uint64_t shared = tokens(in_remote, r) - host - engine;
  const std::uint64_t other = other_tokens(r, i, in_host), missed = r.input.count() - engine - host - shared;

  const std::uint64_t index = result.requests++;
  result.input_tokens += r.input.count();
  result.block_refs += r.blocks.size();
  result.missed_tokens += missed;
  result.computed_tokens[i] += missed;
  result.crossing_tokens += other;
  result.crossing_requests += other > 0;
  count(result.engine, engine, in_engine, engines[i]);
  count(result.host, host, in_host - in_engine, hosts[i]);
  count(result.remote, shared, in_remote - in_host, remote);
  router.add_load(i, Tokens(missed) + r.output);
  if (router.wants_contents()) tell_router(i);
  return {index, i, Tokens(engine), Tokens(host), Tokens(shared - other), Tokens(other)};
}

/// Of the blocks that the shared store alone has, from block `from` on, tokens that others stored.
std::uint64_t PlacementSimulation::State::other_tokens(const PlacementRequest& r, std::uint32_t instance,
                                                       std::size_t from) const {
  const std::span<const std::uint32_t> owners = remote.hit_owners();
  std::uint64_t sum = 0;
  for (std::size_t block = from; block < owners.size(); ++block) {
    if (owners[block] != instance) sum += tokens(block + 1, r) - tokens(block, r);
  }
  return sum;
}

/// Of the larger of its caches, which holds all that the other does.
void PlacementSimulation::State::tell_router(std::uint32_t instance) {
  const TierCache& cache = options.host > options.engine ? hosts[instance] : engines[instance];
  router.directory().remove(instance, cache.evicted());
  router.directory().add(instance, cache.inserted());
}

Result<PlacementSimulation> PlacementSimulation::make(const PlacementOptions& options, Tokens block_size) {
  if (const Result<void> checked = check_placement(options); !checked) return error(checked);
  if (block_size == Tokens(0)) return error(Code::bad_input, "blocks of 0 tokens hold nothing", "512 or 16 are usual");
  return PlacementSimulation(std::make_unique<State>(options, block_size));
}

PlacementSimulation::PlacementSimulation(std::unique_ptr<State> state) : state_(std::move(state)) {}
PlacementSimulation::PlacementSimulation(PlacementSimulation&&) noexcept = default;
PlacementSimulation& PlacementSimulation::operator=(PlacementSimulation&&) noexcept = default;
PlacementSimulation::~PlacementSimulation() = default;

Placed PlacementSimulation::serve(const PlacementRequest& request) { return state_->serve(request); }

PlacementResult PlacementSimulation::result() const {
  PlacementResult out = state_->result;
  out.without_session = state_->router.without_session();
  return out;
}

Result<PlacementResult> simulate_placement(const Workload& workload, const PlacementOptions& options,
                                           const std::function<void(const Placed&)>& on_placed,
                                           const std::atomic<bool>* stop) {
  Result<PlacementSimulation> simulation = PlacementSimulation::make(options, workload.block_size());
  if (!simulation) return error(simulation);
  std::vector<BlockId> ids;
  for (std::size_t r = 0; r < workload.size(); ++r) {
    if (r % 1024 == 0 && stop != nullptr && *stop) {
      return error(Code::interrupted, fmt::format("stopped at request {} of {} of a simulation", r, workload.size()));
    }
    const Request request = workload[r];
    ids.assign(request.blocks.begin(), request.blocks.end());  // dense ids name blocks as well as the trace's
    const Placed placed = simulation->serve({request.at, request.input, request.output, ids, request.session});
    if (on_placed) on_placed(placed);
  }
  return simulation->result();
}

}  // namespace kv
