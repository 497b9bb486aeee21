#pragma once
#include "base/units.hpp"
#include "model/model.hpp"
#include "prefill/weight_dtype.hpp"

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

/// Bytes of all weights.
double weight_bytes(const Model& model, WeightDtype dtype = WeightDtype::bf16);

/// Bytes of weights that `fresh` tokens read at least once. Of a mixture of experts one token reads the active share a,
/// and each further one draws its own as if at random: 1 - (1 - a)^fresh of all.
double weight_traffic_bytes(const Model& model, Tokens fresh, WeightDtype dtype = WeightDtype::bf16);

/// Bytes of KV that the GPUs of a rank group read and write in all: cached tokens are read once, fresh ones written and
/// read; of sliding layers the last `window` cached tokens; states are read and written. Ranks that hold equal copies
/// (more ranks than kv_heads, or MLA) each read their own. Scales of quantised KV are left out.
double kv_traffic_bytes(const Model& model, Dtype kv_dtype, std::uint32_t tp, Tokens cached, Tokens fresh);

/// Bytes that each GPU sends in the all-reduces of tensor parallelism, by ring: 2 (tp - 1) / tp of fresh x hidden
/// 16-bit elements, twice a layer (behind attention and behind the feed-forward network; Shoeybi et al. 2019,
/// Megatron).
double all_reduce_bytes(const Model& model, std::uint32_t tp, Tokens fresh);

/// Bytes of hidden states that go from stage to stage in all: (pp - 1) x fresh x hidden x 2.
double stage_bytes(const Model& model, std::uint32_t pp, Tokens fresh);

/// Working memory of a prefill batch over all GPUs, an estimate: 8,192 tokens (vLLM's default chunk of prefill on large
/// GPUs) x hidden x 32 bytes (residual, q/k/v, two feed-forward halves, workspace). Pipeline stages hold a share of the
/// batch each, as engines that fill their pipeline cut it into micro-batches.
double activation_bytes(const Model& model);

}  // namespace kv
