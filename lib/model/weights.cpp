#include "model/weights.hpp"

namespace kv {
namespace {

double attention_params(const Model& m, const WeightShapes& w) {
  const double hidden = m.hidden, heads = m.heads, kv_heads = m.kv_heads;
  if (m.mla) {
    const double rope = m.mla->rope_dim, nope = m.mla->qk_nope_dim, value = m.mla->v_dim, rank = m.mla->kv_lora_rank;
    const auto q_rank = static_cast<double>(w.q_lora_rank);
    const double per_head = heads * (nope + rope);
    const double queries = q_rank > 0 ? q_rank * (hidden + per_head) : hidden * per_head;
    return queries + hidden * (rank + rope) + rank * heads * (nope + value) + heads * value * hidden;
  }
  return hidden * m.head_dim * ((w.output_gate ? 3 : 2) * heads + 2 * kv_heads);
}

/// Gated delta network: queries, keys, values, an output gate, two scalars a value head, and the way out.
double linear_params(const Model& m, const WeightShapes& w) {
  const auto key = static_cast<double>(w.linear_key_dim), value = static_cast<double>(w.linear_value_dim);
  return m.hidden * (2 * key + 3 * value + 2 * static_cast<double>(w.linear_value_heads));
}

}  // namespace

ParamCount count_params(const Model& m, const WeightShapes& w) {
  const double hidden = m.hidden, layers = m.layers, attention_layers = layers - m.linear_layers;
  const auto dense = static_cast<double>(w.dense_layers), sparse = layers - dense;
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
