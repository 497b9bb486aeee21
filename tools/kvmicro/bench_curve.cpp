// Targets: the exact LRU curve 40 M block references/s at 200 thousand unique blocks, 25 M/s at 10 million, 100 M/s on
// the conversation trace, in at most 32 bytes a unique block; the sampled one at 1 % 200 M/s.
#include <cmath>
#include <cstdlib>
#include <map>

#include "base/random.hpp"
#include "curve/lru_curve.hpp"
#include "curve/sampled_curve.hpp"
#include "support.hpp"
#include "workload/read.hpp"

namespace {

using namespace kvmicro;

/// Conversations in turns: a prompt is the one before it and up to 31 new blocks, until it has 60. Any of the newest
/// ten thousand may go on, the newest more often.
kv::Workload turns(std::uint64_t unique_blocks) {
  constexpr std::uint64_t kBlock = 512, kOpen = 10'000;
  kv::Random random(1);
  std::vector<std::vector<kv::BlockId>> open(kOpen, {0});  // block 0: the system prompt
  kv::WorkloadBuilder builder{kv::Tokens(kBlock)};
  for (kv::BlockId next = 1; next < unique_blocks;) {
    auto& ids = open[random.below(random.below(kOpen) + 1)];
    if (ids.size() > 60) ids.assign(1, 0);
    for (std::uint64_t fresh = 1 + random.below(31); fresh > 0; --fresh) ids.push_back(next++);
    (void)builder.add(kv::Duration(0), kv::Tokens(ids.size() * kBlock), kv::Tokens(1), ids);
  }
  return std::move(builder).build(kv::Tokens(kBlock));
}

/// Requests of one block each, of popularity 1 / rank: no runs, no prefixes, as simulators of ordinary caches have it.
/// All blocks come once, then four times as many references follow.
kv::Workload singles(std::uint64_t unique_blocks) {
  kv::Random random(2);
  kv::WorkloadBuilder builder{kv::Tokens(1)};
  const auto add = [&builder](kv::BlockId id) {
    (void)builder.add(kv::Duration(0), kv::Tokens(1), kv::Tokens(1), std::span(&id, 1));
  };
  constexpr std::uint64_t kPrime = 2'147'483'647;  // divides neither size: every id once, in no order
  for (kv::BlockId id = 0; id < unique_blocks; ++id) add(id * kPrime % unique_blocks);
  const double octaves = std::log2(static_cast<double>(unique_blocks));
  for (std::uint64_t i = 0; i < 4 * unique_blocks; ++i) {
    add(static_cast<kv::BlockId>(std::exp2(octaves * random.uniform())) - 1);
  }
  return std::move(builder).build(kv::Tokens(1));
}

const kv::Workload& turns_of(std::uint64_t unique_blocks) {
  static std::map<std::uint64_t, kv::Workload> made;
  const auto found = made.find(unique_blocks);
  return found != made.end() ? found->second : made.emplace(unique_blocks, turns(unique_blocks)).first->second;
}

void set_refs(benchmark::State& state, const kv::Workload& workload) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kv::summarize(workload).block_refs));
  state.counters["unique"] = static_cast<double>(workload.unique_blocks());
}

void measure(benchmark::State& state, const kv::Workload& workload) {
  for (auto _ : state) benchmark::DoNotOptimize(kv::lru_curve(workload).largest_distance());
  set_refs(state, workload);
}

void lru_curve_turns(benchmark::State& state) { measure(state, turns_of(static_cast<std::uint64_t>(state.range(0)))); }
BENCHMARK(lru_curve_turns)->Arg(200'000)->Arg(10'000'000)->Unit(benchmark::kMillisecond);

void lru_curve_singles(benchmark::State& state) { measure(state, singles(static_cast<std::uint64_t>(state.range(0)))); }
BENCHMARK(lru_curve_singles)->Arg(200'000)->Arg(10'000'000)->Unit(benchmark::kMillisecond);

/// Mooncake's conversation trace, where it is there.
void lru_curve_trace(benchmark::State& state) {
  const char* const traces = std::getenv("KVKIT_TRACES");
  const std::string path = std::string(traces == nullptr ? "../shared/traces" : traces) + "/conversation_trace.jsonl";
  kv::ReadNotes notes;
  const auto workload = kv::read_workload(path, {}, notes);
  if (!workload) return state.SkipWithError(workload.error().message.c_str());
  measure(state, *workload);
}
BENCHMARK(lru_curve_trace)->Unit(benchmark::kMillisecond);

/// With the ids as a trace names them, as they come from a stream.
void sampled_curve(benchmark::State& state) {
  const kv::Workload& workload = turns_of(10'000'000);
  std::vector<kv::BlockId> ids;
  std::vector<std::size_t> begins{0};
  for (std::size_t i = 0; i < workload.size(); ++i) {
    for (const kv::DenseId block : workload[i].blocks) ids.push_back(workload.id(block));
    begins.push_back(ids.size());
  }
  for (auto _ : state) {
    kv::SampledCurve curve({.rate = 1.0 / static_cast<double>(state.range(0))});
    for (std::size_t i = 0; i < workload.size(); ++i) {
      curve.add(std::span(ids).subspan(begins[i], begins[i + 1] - begins[i]), workload[i].input, workload.block_size());
    }
    benchmark::DoNotOptimize(curve.at(kv::Blocks(100'000)).block_hit_rate);
  }
  set_refs(state, workload);
}
BENCHMARK(sampled_curve)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);

}  // namespace
