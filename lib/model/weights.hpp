#pragma once
#include <cstdint>

#include "model/model.hpp"

namespace kv {

/// What of a model's shape matters for the size of its weights alone.
struct WeightShapes {
  std::uint64_t vocab = 0;
  bool tied_embeddings = false;    ///< input and output share one table
  std::uint64_t intermediate = 0;  ///< of a dense layer's feed-forward network
  std::uint64_t dense_layers = 0;  ///< layers whose feed-forward network is dense; all others hold experts
  std::uint64_t experts = 0, experts_per_token = 0, expert_intermediate = 0;
  std::uint64_t shared_intermediate = 0;  ///< of all experts that every token uses
  std::uint64_t q_lora_rank = 0;          ///< MLA: low rank of the queries; 0: full
  bool output_gate = false;               ///< attention multiplies its output with a projection of the input
  std::uint64_t linear_key_dim = 0, linear_value_dim = 0, linear_value_heads = 0;  ///< heads x head dim; heads
};

struct ParamCount {
  double total = 0, active = 0;  ///< active: used for one token; both embedding tables count
};

/// Counts the matrices of a decoder with gated (three-matrix) feed-forward networks; norms, biases and convolutions,
/// some 0.1 %, are left out. The formula is in docs/models.md.
ParamCount count_params(const Model& model, const WeightShapes& shapes);

}  // namespace kv
