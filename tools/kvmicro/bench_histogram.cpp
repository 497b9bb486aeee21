#include "base/random.hpp"
#include "metrics/histogram.hpp"
#include "support.hpp"

namespace {

kv::Histogram latencies(std::uint64_t count) {
  kv::Histogram histogram;
  kv::Random random(1);
  for (std::uint64_t i = 0; i < count; ++i) histogram.record(random.next() >> (20 + random.below(40)));
  return histogram;
}

void histogram_record(benchmark::State& state) {
  kv::Histogram histogram;
  kv::Random random(1);
  for (auto _ : state) histogram.record(random.next() >> 34);
  benchmark::DoNotOptimize(histogram.max());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(histogram_record);

void histogram_merge(benchmark::State& state) {
  const kv::Histogram one = latencies(100000);
  kv::Histogram all;
  for (auto _ : state) all.merge(one);
  benchmark::DoNotOptimize(all.count());
}
BENCHMARK(histogram_merge);

void histogram_quantile(benchmark::State& state) {
  const kv::Histogram histogram = latencies(100000);
  for (auto _ : state) benchmark::DoNotOptimize(histogram.quantile(0.99));
}
BENCHMARK(histogram_quantile);

}  // namespace
