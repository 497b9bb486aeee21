#include "model/weights.hpp"

namespace kv {
namespace {

double attention_params(const Model& m, const WeightShapes& w) {
  const double hidden = m.hidden, heads = m.heads;
  if (m.mla) {
    const double qk = double{m.mla->qk_nope_dim} + m.mla->rope_dim, v = m.mla->v_dim, rank = m.mla->kv_lora_rank;
    const auto q_rank = static_cast<double>(w.q_lora_rank);
    const double q = q_rank > 0 ? q_rank * (hidden + heads * qk) : hidden * heads * qk;
    const double kv = hidden * (rank + m.mla->rope_dim) + rank * heads * (double{m.mla->qk_nope_dim} + v);
    return q + kv + heads * v * hidden;
  }
  const double q_and_out = (w.output_gate ? 3 : 2) * heads;
  return hidden * m.head_dim * (q_and_out + 2 * double{m.kv_heads});
}

/// Gated delta network: queries, keys, values, an output gate, two scalars a value head, and the way out.
double linear_params(const Model& m, const WeightShapes& w) {
  const auto key = static_cast<double>(w.linear_key_dim), value = static_cast<double>(w.linear_value_dim);
  return m.hidden * (2 * key + 3 * value + 2 * static_cast<double>(w.linear_value_heads));
}

}  // namespace

ParamCount count_params(const Model& m, const WeightShapes& w) {
  const double hidden = m.hidden, attention_layers = double{m.layers} - m.linear_layers;
  const auto dense = static_cast<double>(w.dense_layers), sparse = m.layers - dense;
  const auto feed_forward = [hidden](std::uint64_t width) { return 3 * hidden * static_cast<double>(width); };

  const double always = static_cast<double>(w.vocab) * hidden * (w.tied_embeddings ? 1 : 2) +
                        attention_layers * attention_params(m, w) + m.linear_layers * linear_params(m, w) +
                        dense * feed_forward(w.intermediate) +
                        sparse * (feed_forward(w.shared_intermediate) + hidden * static_cast<double>(w.experts));
  const double expert = feed_forward(w.expert_intermediate);
  return {always + sparse * static_cast<double>(w.experts) * expert,
          always + sparse * static_cast<double>(w.experts_per_token) * expert};
}

}  // namespace kv
