#include "prefill/work.hpp"

#include <algorithm>
#include <cmath>

namespace kv {
namespace {

constexpr double kBatchTokens = 8192, kActivationBytesPerElement = 32;
constexpr double kStateFlops = 6;
constexpr double kHiddenBytes = 2;  // activations travel in 16 bits, whatever the weights are

/// Pairs of fresh tokens p = cached + 1 ... with min(p - 1/2, window) tokens in front: exact sums in closed form.
double pairs(double cached, double fresh, double window) {
  const double end = cached + fresh;
  if (end <= window) return fresh * cached + fresh * fresh / 2;
  if (cached >= window) return fresh * window;
  const double growing = window - cached;
  return growing * cached + growing * growing / 2 + (end - window) * window;
}

double as_double(Tokens tokens) { return static_cast<double>(tokens.count()); }

/// Elements of K and V that all ranks together hold for one token and layer, copies counted.
double elements_a_layer(const Model& m, std::uint32_t tp) {
  if (m.mla) return (double(m.mla->kv_lora_rank) + m.mla->rope_dim) * tp;
  return 2.0 * static_cast<double>(ceil_div(m.kv_heads, tp) * tp) * m.head_dim;
}

}  // namespace

PrefillFlops prefill_flops(const Model& m, Tokens cached, Tokens fresh) {
  const double c = as_double(cached), f = as_double(fresh), heads = m.heads;
  const double query = m.mla ? double(m.mla->qk_nope_dim) + double(m.mla->rope_dim) : m.head_dim;
  const double value = m.mla ? m.mla->v_dim : m.head_dim;
  const double per_pair = 2 * heads * (query + value);
  const double state = static_cast<double>(m.linear_state.count()) / dtype_bytes(m.linear_state_dtype);
  return {2 * m.active_params * f, m.full_layers() * per_pair * pairs(c, f, c + f) +
                                       m.sliding_layers * per_pair * pairs(c, f, m.window) + kStateFlops * state * f};
}

double weight_bytes(const Model& model, WeightDtype dtype) { return weight_dtype_row(dtype).bytes * model.params; }

double weight_traffic_bytes(const Model& model, Tokens fresh, WeightDtype dtype) {
  const double missed = 1 - std::min(1.0, model.active_params / model.params);
  return weight_bytes(model, dtype) * (1 - std::pow(missed, as_double(fresh)));
}

double kv_traffic_bytes(const Model& m, Dtype kv_dtype, std::uint32_t tp, Tokens cached, Tokens fresh) {
  const double c = as_double(cached), moved = 2 * as_double(fresh);
  const double tokens = m.full_layers() * (c + moved) + m.sliding_layers * (std::min(c, double(m.window)) + moved);
  return tokens * elements_a_layer(m, tp) * dtype_bytes(kv_dtype) + 2 * static_cast<double>(m.linear_state.count());
}

double all_reduce_bytes(const Model& model, std::uint32_t tp, Tokens fresh) {
  const double one = as_double(fresh) * model.hidden * kHiddenBytes;
  return 2.0 * model.layers * one * 2 * (tp - 1.0) / tp;
}

double stage_bytes(const Model& model, std::uint32_t pp, Tokens fresh) {
  return (pp - 1.0) * as_double(fresh) * model.hidden * kHiddenBytes;
}

double activation_bytes(const Model& model) { return kBatchTokens * model.hidden * kActivationBytesPerElement; }

}  // namespace kv
