// Target: at least 500 MB/s of plain JSONL on one core.
#include "support.hpp"
#include "workload/read.hpp"

namespace {

using namespace kvmicro;

const std::string& trace() {
  static const std::string text = make_trace(std::size_t{64} << 20);
  return text;
}

void workload_stream(benchmark::State& state) {
  const MemoryFile file(trace());
  kv::ReadNotes notes;
  const ByteRate rate;
  for (auto _ : state) {
    std::uint64_t ids = 0;
    const auto done = kv::stream_workload(file.path(), {}, notes, [&](const kv::TraceLine& line) {
      ids += line.ids.size();
      return true;
    });
    if (!done) return state.SkipWithError(done.error().message.c_str());
    benchmark::DoNotOptimize(ids);
  }
  rate.set(state, trace().size());
}
BENCHMARK(workload_stream)->Unit(benchmark::kMillisecond);

void workload_load(benchmark::State& state) {
  const MemoryFile file(trace());
  kv::ReadNotes notes;
  const ByteRate rate;
  for (auto _ : state) {
    const auto workload = kv::read_workload(file.path(), {}, notes);
    if (!workload) return state.SkipWithError(workload.error().message.c_str());
    benchmark::DoNotOptimize(workload->size());
  }
  rate.set(state, trace().size());
}
BENCHMARK(workload_load)->Unit(benchmark::kMillisecond);

void workload_ideal_hits(benchmark::State& state) {
  kv::ReadNotes notes;
  const auto workload = kv::read_workload_text(trace(), "generated", {}, notes);
  if (!workload) return state.SkipWithError(workload.error().message.c_str());
  for (auto _ : state) benchmark::DoNotOptimize(kv::ideal_hits(*workload));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kv::summarize(*workload).block_refs));
}
BENCHMARK(workload_ideal_hits)->Unit(benchmark::kMicrosecond);

}  // namespace
