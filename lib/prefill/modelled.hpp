#pragma once
#include "prefill/prefill.hpp"

namespace kv {

/// Floating-point operations (a multiply and an add are two) of one prefill.
struct PrefillFlops {
  double weights = 0;    ///< 2 x active parameters x fresh tokens
  double attention = 0;  ///< scores and weighted values, causal; recurrent layers' state updates
  double total() const { return weights + attention; }
};

/// For `fresh` tokens behind `cached` ones. A full layer costs 2 x heads x (query dim + value dim) for each pair of a
/// fresh token with one in front of it, itself counted half: fresh x cached + fresh^2 / 2 pairs, so that a whole prompt
/// of S tokens costs 2 x layers x heads x head_dim x S^2. A sliding layer has at most `window` pairs a token; a linear
/// layer does 6 operations per element of its state and token (read with k, write, read with q; Yang et al. 2024).
PrefillFlops prefill_flops(const Model& model, Tokens cached, Tokens fresh);

/// bf16 bytes of weights that `fresh` tokens read at least once. Of a mixture of experts one token reads the active
/// share a, and each further one draws its own as if at random: 1 - (1 - a)^fresh of all.
double weight_traffic_bytes(const Model& model, Tokens fresh);

/// bf16 bytes of all weights.
double weight_bytes(const Model& model);

/// Working memory of a prefill batch over all GPUs, an estimate: 8,192 tokens (vLLM's default chunk of prefill on large
/// GPUs) x hidden x 32 bytes (residual, q/k/v, two feed-forward halves, workspace). Pipeline stages hold a share of the
/// batch each, as engines that fill their pipeline cut it into micro-batches.
double activation_bytes(const Model& model);

/// Roofline: the slower of FLOPs at `utilisation` of TP GPUs' bf16 peak, and weight traffic at 80 % of their HBM's
/// (aiconfigurator's HBM efficiency). Pipeline stages work one after the other on a request, each on its own layers and
/// weights: their times add up to that of one TP group, whatever PP is, unless the engine cuts the prompt into
/// micro-batches, which is not modelled. Leaves out reading cached KV, communication between GPUs and launch overheads:
/// a lower bound of what a real engine takes.
Result<std::unique_ptr<Prefill>> make_modelled_prefill(const PrefillConfig& config);

}  // namespace kv
