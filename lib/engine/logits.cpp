#include "engine/logits.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kv {
namespace {

/// ln of the sum of all exponentials.
double log_sum(std::span<const float> logits) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - most);
  return most + std::log(sum);
}

double rounding(Dtype dtype) {
  if (dtype == Dtype::bf16) return 0x1p-8;
  return dtype == Dtype::fp16 ? 0x1p-10 : 0;
}

}  // namespace

double logit_bound(const EngineInfo& info, const Model& model, std::span<const float> reference) {
  double squares = 0;
  for (const float logit : reference) squares += static_cast<double>(logit) * logit;
  const double spread = std::sqrt(squares / static_cast<double>(reference.size()));
  const double kept = std::max(rounding(info.kv), rounding(info.compute));
  const double sums = std::sqrt(static_cast<double>(model.hidden) * model.layers) * 0x1p-23;
  return 16 * spread * (kept + sums);
}

LogitDifference logit_difference(std::span<const float> reference, std::span<const float> other) {
  LogitDifference out;
  const double reference_sum = log_sum(reference), other_sum = log_sum(other);
  std::size_t best = 0, others_best = 0;
  double second = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double difference = std::abs(static_cast<double>(reference[i]) - other[i]);
    // What is no number is as far away as can be.
    out.max_abs = std::max(out.max_abs, std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference);
    out.sum_abs += difference;
    const double log_p = reference[i] - reference_sum;
    out.kl_divergence += std::exp(log_p) * (log_p - (other[i] - other_sum));
    if (other[i] > other[others_best]) others_best = i;
    if (i == 0) continue;
    if (reference[i] > reference[best]) {
      second = reference[best];
      best = i;
    } else {
      second = std::max(second, static_cast<double>(reference[i]));
    }
  }
  out.kl_divergence = std::max(out.kl_divergence, 0.0);  // rounding alone can make it negative
  out.same_token = best == others_best;
  out.lead = reference[best] - second;
  return out;
}

double negative_log_likelihood(std::span<const float> logits, std::uint32_t token) {
  return log_sum(logits) - logits[token];
}

}  // namespace kv
