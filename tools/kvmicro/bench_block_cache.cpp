#include <list>
#include <unordered_map>

#include "curve/simulate.hpp"
#include "support.hpp"
#include "workload/read.hpp"

namespace {

/// As large as the conversation trace: about 290 thousand block references.
kv::Workload make_workload() {
  kv::ReadNotes notes;
  return kv::read_workload_text(kvmicro::make_trace(std::size_t{3} << 20), "generated", {}, notes).value();
}

/// The whole eviction protocol over a trace, at a capacity in percent of the unique blocks.
void block_cache(benchmark::State& state, const kv::PolicyRow& policy, kv::SimulationOptions options = {}) {
  const kv::Workload workload = make_workload();
  const kv::Blocks capacity(workload.unique_blocks() * static_cast<std::uint64_t>(state.range(0)) / 100);
  for (auto _ : state) benchmark::DoNotOptimize(kv::simulate(workload, policy, capacity, options));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kv::summarize(workload).block_refs));
}

/// What is usually written for one size: a hash map of list nodes. Blocks are looked up and moved to the front tail to
/// head, and victims leave as each new block needs room, so that it does less than the protocol.
std::uint64_t map_and_list_hits(const kv::Workload& workload, std::uint64_t capacity) {
  std::list<kv::BlockId> order;
  std::unordered_map<kv::BlockId, std::list<kv::BlockId>::iterator> where;
  std::uint64_t hits = 0;
  for (std::size_t r = 0; r < workload.size(); ++r) {
    const auto blocks = workload[r].blocks;
    std::size_t leading = 0;
    while (leading < blocks.size() && where.count(workload.id(blocks[leading])) != 0) ++leading;
    hits += leading;
    for (std::size_t i = blocks.size(); i-- > 0;) {
      const kv::BlockId id = workload.id(blocks[i]);
      if (const auto found = where.find(id); found != where.end()) {
        order.splice(order.begin(), order, found->second);
        continue;
      }
      if (where.size() == capacity) {
        where.erase(order.back());
        order.pop_back();
      }
      order.push_front(id);
      where.emplace(id, order.begin());
    }
  }
  return hits;
}

void map_and_list_lru(benchmark::State& state) {
  const kv::Workload workload = make_workload();
  const std::uint64_t capacity = workload.unique_blocks() * static_cast<std::uint64_t>(state.range(0)) / 100;
  for (auto _ : state) benchmark::DoNotOptimize(map_and_list_hits(workload, capacity));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kv::summarize(workload).block_refs));
}
BENCHMARK(map_and_list_lru)->Arg(1)->Arg(10)->Arg(100)->Unit(benchmark::kMillisecond);

}  // namespace

void kvmicro::add_policies() {
  const auto add = [](const std::string& name, const kv::PolicyRow& policy, kv::SimulationOptions options) {
    benchmark::RegisterBenchmark(name.c_str(),
                                 [&policy, options](benchmark::State& state) { block_cache(state, policy, options); })
        ->Arg(1)
        ->Arg(10)
        ->Arg(100)
        ->Unit(benchmark::kMillisecond);
  };
  for (const kv::PolicyRow& policy : kv::policies()) add("block_cache/" + policy.name, policy, {});
  const kv::PolicyRow& lru = *kv::find_policy("lru");
  add("block_cache/lru_admit_2", lru, {.admit = 2});
  add("block_cache/lru_sliding_ttl", lru, {.sliding_ttl = std::chrono::minutes(5)});
}
