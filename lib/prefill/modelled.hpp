#pragma once
#include "prefill/prefill.hpp"
#include "prefill/work.hpp"

namespace kv {

/// Seconds of one prefill, part by part. The parts follow one another within every layer, so they add up.
struct PrefillTimes {
  double linear_s = 0;         ///< the slower of matrix FLOPs and weight traffic
  double attention_s = 0;      ///< the slower of attention FLOPs and KV traffic
  double communication_s = 0;  ///< all-reduces of tensor parallelism, hidden states between pipeline stages
  double overhead_s = 0;       ///< of every forward pass, however short
  double total() const { return linear_s + attention_s + communication_s + overhead_s; }
};

/// Roofline of one engine. Each part is the slower of computing at `utilisation` of the peak of TP GPUs, and of memory
/// at 80 % of their HBM's rate (aiconfigurator's HBM efficiency):
/// - linear: prefill_flops().weights at the peak of config.weight_dtype; weight_traffic_bytes().
/// - attention: prefill_flops().attention at the bf16 peak, whatever the weights are; kv_traffic_bytes().
/// - communication: all_reduce_bytes() over NVLink, or PCIe where the GPU has none, at 80 % of its rate (unverified: as
///   HBM's) and 20 us each (inference-sim hardware_config.json, allReduceLatency); stage_bytes() likewise, 10 us a hop
///   (aiconfigurator's p2p_latency). Ranks beyond one node are taken to be linked as within one.
/// - overhead: 500 us and 20 us a layer (inference-sim hardware_config.json: TOverheadMicros, perLayerOverhead).
/// Pipeline stages work one after the other on a request, each on its own layers and weights: their times add up to
/// that of one TP group, whatever PP is, unless the engine cuts the prompt into micro-batches, which is not modelled.
/// A prompt is one forward pass: chunked prefill reads weights and KV again and pays the overhead for each chunk, which
/// is not modelled either. config.tp is at least 1.
PrefillTimes modelled_times(const PrefillConfig& config, Tokens cached, Tokens fresh);

Result<std::unique_ptr<Prefill>> make_modelled_prefill(const PrefillConfig& config);

}  // namespace kv
