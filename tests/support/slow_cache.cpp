#include "support/slow_cache.hpp"

namespace kv::test {
namespace {

struct Slow {
  std::uint64_t capacity;
  SimulationOptions options;
  std::unique_ptr<SlowPolicy> policy;
  SimulationResult sum = {};
  std::map<DenseId, Duration> stored = {}, used = {};  // residents, and since when
  std::map<DenseId, std::uint32_t> uses = {};

  void remove(DenseId id) {
    stored.erase(id);
    used.erase(id);
  }

  void expire(Duration now) {
    for (const auto& [id, since] : std::map<DenseId, Duration>(stored)) {
      const bool old = options.fixed_ttl && now - since > *options.fixed_ttl;
      const bool idle = options.sliding_ttl && now - used[id] > *options.sliding_ttl;
      if (!old && !idle) continue;
      policy->erase(id);
      remove(id);
      ++sum.expirations;
    }
  }

  void serve(const Request& request, std::uint64_t block_size) {
    expire(request.at);
    const auto& blocks = request.blocks;
    std::set<DenseId> pinned;
    std::uint64_t hits = 0;
    for (const DenseId id : blocks) {
      if (stored.count(id) != 0) pinned.insert(id);
    }
    while (hits < blocks.size() && stored.count(blocks[hits]) != 0) ++hits;
    std::set<DenseId> accepted;
    for (const DenseId id : blocks) ++uses[id];
    for (const DenseId id : blocks) {
      if (stored.count(id) != 0) continue;
      if (uses[id] < options.admit || pinned.size() + accepted.size() == capacity) break;
      accepted.insert(id);
    }
    for (std::size_t i = blocks.size(); i-- > 0;) {
      if (accepted.count(blocks[i]) != 0) policy->expect(blocks[i]);
    }
    while (stored.size() + accepted.size() > capacity) {
      remove(policy->victim(pinned));
      ++sum.evictions;
    }
    for (std::size_t i = blocks.size(); i-- > 0;) {
      if (accepted.count(blocks[i]) != 0) {
        policy->insert(blocks[i], i == 0 ? kNoHandle : blocks[i - 1], i);
        stored[blocks[i]] = request.at;
      } else if (pinned.count(blocks[i]) != 0) {
        policy->touch(blocks[i]);
      } else {
        continue;
      }
      used[blocks[i]] = request.at;
    }
    sum.requests_with_hit += hits != 0;
    sum.block_hits += hits;
    sum.token_hits += std::min(hits * block_size, request.input.count());
    sum.insertions += accepted.size();
    sum.unstored += blocks.size() - hits - accepted.size();
  }
};

}  // namespace

SimulationResult slow_simulate(const Workload& workload, const std::string& policy, std::uint64_t capacity,
                               const SimulationOptions& options) {
  Slow slow{.capacity = capacity, .options = options, .policy = make_slow_policy(policy, capacity)};
  for (std::size_t r = 0; r < workload.size(); ++r) slow.serve(workload[r], workload.block_size().count());
  return slow.sum;
}

}  // namespace kv::test
