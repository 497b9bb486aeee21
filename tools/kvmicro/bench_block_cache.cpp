#include "replay/engine_cache.hpp"
#include "support.hpp"
#include "workload/read.hpp"

namespace {

/// The whole eviction protocol over a trace; the argument is the capacity in percent of the unique blocks.
void block_cache_lru(benchmark::State& state) {
  kv::ReadNotes notes;
  const auto workload = kv::read_workload_text(kvmicro::make_trace(std::size_t{4} << 20), "generated", {}, notes);
  if (!workload) return state.SkipWithError(workload.error().message.c_str());
  const kv::Blocks capacity(workload->unique_blocks() * static_cast<std::uint64_t>(state.range(0)) / 100);
  for (auto _ : state) benchmark::DoNotOptimize(kv::engine_hits(*workload, capacity));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kv::summarize(*workload).block_refs));
}
BENCHMARK(block_cache_lru)->Arg(1)->Arg(10)->Arg(100)->Unit(benchmark::kMillisecond);

}  // namespace
