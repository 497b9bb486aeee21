// Targets: 300 thousand simulated chat requests/s on one core, fetches included; the conversation trace over 64
// instances in well under half a second.
#include <cmath>
#include <cstdlib>
#include <vector>

#include "base/random.hpp"
#include "sim/placement.hpp"
#include "sim/serving.hpp"
#include "support.hpp"
#include "workload/read.hpp"

namespace {

using namespace kvmicro;

/// Prompts of 1,200 tokens and answers of 250 in the mean, both exponential; half of them with half of the prompt in
/// the store.
std::vector<kv::ServingRequest> chat(std::size_t count, double per_s, bool fetching) {
  kv::Random random(1);
  const auto exponential = [&random] { return -std::log(1 - random.uniform()); };
  std::vector<kv::ServingRequest> out(count);
  double at = 0;
  for (kv::ServingRequest& r : out) {
    at += exponential() / per_s;
    r.at = kv::from_seconds(at);
    r.input = kv::Tokens(1 + static_cast<std::uint64_t>(1200 * exponential()));
    r.output = kv::Tokens(1 + static_cast<std::uint64_t>(250 * exponential()));
    if (!fetching || random.uniform() < 0.5) continue;
    r.fetched = kv::Tokens(r.input.count() / 2);
    r.fetched_bytes = kv::Bytes(r.fetched.count() * 131'072);
  }
  return out;
}

/// Llama-3.1-8B on H100s, ten requests a second each. Arguments: instances, and whether half of the prompts fetch.
void simulate_serving(benchmark::State& state) {
  const kv::PrefillConfig config{.model = *kv::find_model("llama-3.1-8b"), .gpu = *kv::find_gpu("h100")};
  const auto prefill = *kv::make_prefill("modelled", config);
  kv::ServingOptions options;
  options.instances = static_cast<std::uint32_t>(state.range(0));
  options.decode = *kv::modelled_decode(config, options.slots);
  options.links = {std::chrono::milliseconds(1), 12.5e9, 12.5e9 * options.instances / 4};
  const auto requests = chat(300'000, 10.0 * options.instances, state.range(1) != 0);
  kv::ServingResult result;
  for (auto _ : state) {
    auto simulated = kv::simulate_serving(options, *prefill, requests);
    if (!simulated) return state.SkipWithError(simulated.error().message.c_str());
    result = *std::move(simulated);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(requests.size()));
  state.counters["utilisation"] = result.utilisation;
  state.counters["ttft_p99_ms"] = static_cast<double>(result.ttft.quantile(0.99)) / 1e6;
}
BENCHMARK(simulate_serving)->ArgsProduct({{1, 8, 64, 512}, {0, 1}})->Unit(benchmark::kMillisecond);

/// Mooncake's conversation trace, where it is there, over 64 instances, by each kind of routing. A tenth of its blocks
/// fit into each engine, a fifth into its host's memory, half into the store.
void simulate_placement(benchmark::State& state) {
  const char* const traces = std::getenv("KVKIT_TRACES");
  const std::string path = std::string(traces == nullptr ? "../shared/traces" : traces) + "/conversation_trace.jsonl";
  kv::ReadNotes notes;
  const auto workload = kv::read_workload(path, {}, notes);
  if (!workload) return state.SkipWithError(workload.error().message.c_str());
  const std::uint64_t blocks = workload->unique_blocks();
  kv::PlacementOptions options;
  options.router.instances = 64;
  options.router.routing = kv::routings()[static_cast<std::size_t>(state.range(0))].routing;
  options.engine = kv::Blocks(blocks / 10);
  options.host = kv::Blocks(blocks / 5);
  options.remote = kv::Blocks(blocks / 2);
  kv::PlacementResult result;
  for (auto _ : state) result = *kv::simulate_placement(*workload, options);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(workload->size()));
  state.SetLabel(std::string(kv::routing_name(options.router.routing)));
  state.counters["hit_rate"] = result.hit_rate();
  state.counters["crossing"] = static_cast<double>(result.crossing_tokens) / static_cast<double>(result.input_tokens);
}
BENCHMARK(simulate_placement)->DenseRange(0, 4)->Unit(benchmark::kMillisecond);

}  // namespace
