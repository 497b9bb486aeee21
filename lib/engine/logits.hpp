#pragma once
#include <cstdint>
#include <span>

#include "engine/engine.hpp"

namespace kv {

/// How far logits may move when the same prompt is computed in other chunks: 16 x the spread (root mean square) of
/// `reference` x (the rounding of what is kept, 2^-8 for bf16, 2^-10 for fp16, and of fp32 sums over hidden x layers,
/// sqrt(hidden x layers) x 2^-23). Ours, with room: seeds and shapes of tests/unit/engine_side_test.cpp stay below a
/// quarter of it; an error in place or order moves logits by their whole spread.
double logit_bound(const EngineInfo& info, const Model& model, std::span<const float> reference);

/// Logits of one position beside the reference's.
struct LogitDifference {
  double max_abs = 0, sum_abs = 0;  ///< over the vocabulary
  double kl_divergence = 0;         ///< nats, reference to other
  bool same_token = false;          ///< the greatest logit is the same token's
  double lead = 0;                  ///< of the reference's greatest over its second
};
/// Both of one size, at least 2.
LogitDifference logit_difference(std::span<const float> reference, std::span<const float> other);

/// -ln of the probability that `logits` give `token`.
double negative_log_likelihood(std::span<const float> logits, std::uint32_t token);

}  // namespace kv
