// What the replay itself costs: requests of so many blocks against null:, which finds nothing and takes nothing.
#include <numeric>

#include "replay/replay.hpp"
#include "support.hpp"

namespace {

constexpr std::uint64_t kBlockTokens = 512;

/// `requests` prompts of `blocks` blocks each, none of which was seen before.
kv::Workload fresh_prompts(std::uint64_t requests, std::uint64_t blocks) {
  kv::WorkloadBuilder builder;
  std::vector<kv::BlockId> ids(blocks);
  for (std::uint64_t r = 0; r < requests; ++r) {
    std::iota(ids.begin(), ids.end(), r * blocks);
    (void)builder.add(kv::Duration(0), kv::Tokens(blocks * kBlockTokens), kv::Tokens(1), ids);
  }
  return std::move(builder).build(kv::Tokens(kBlockTokens));
}

void harness_null(benchmark::State& state) {
  constexpr std::uint64_t kRequests = 2000;
  const auto blocks = static_cast<std::uint64_t>(state.range(0));
  const kv::Workload workload = fresh_prompts(kRequests, blocks);
  const auto model = kv::find_model("llama-3.1-8b");
  const auto gpu = kv::find_gpu("h100");
  const auto codec = kv::parse_codec("raw");
  if (!model) return state.SkipWithError(model.error().message.c_str());
  if (!gpu) return state.SkipWithError(gpu.error().message.c_str());
  if (!codec) return state.SkipWithError(codec.error().message.c_str());
  const auto geometry = kv::KvGeometry::make(*model, {}, kv::Tokens(kBlockTokens));
  const auto prefill = kv::prefills().front().make({*model, *gpu});
  if (!geometry || !prefill) return state.SkipWithError("no geometry or no prefill");
  kv::ReplayPlan plan;
  plan.workload = &workload;
  plan.geometry = &*geometry;
  plan.prefill = prefill->get();
  plan.gpu = *gpu;
  plan.codec = *codec;
  for (auto _ : state) {
    const auto per_request = kv::harness_overhead(plan, kRequests);
    if (!per_request) return state.SkipWithError(per_request.error().message.c_str());
    state.SetIterationTime(kv::seconds(*per_request));  // as every report states it
  }
  state.counters["blocks"] = static_cast<double>(blocks);
}
BENCHMARK(harness_null)->ArgName("blocks")->Arg(1)->Arg(32)->Arg(256)->UseManualTime()->Iterations(5);

}  // namespace
