#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "model/model.hpp"

namespace kv {

/// Llama 3's stretching of long waves ("The Llama 3 Herd of Models", 2024): those with fewer than `low` turns within
/// `original` tokens by `factor`, those with more than `high` not at all, and in between by degrees.
struct RopeScaling {
  std::uint32_t original = 0;
  double factor = 1, low = 1, high = 4;
  bool operator==(const RopeScaling&) const = default;
};

/// What running a decoder of the Llama family needs beside the figures of Model.
struct DecoderShape {
  std::uint32_t vocab = 0, intermediate = 0;         ///< of the dense network, or of one expert
  std::uint32_t experts = 0, experts_per_token = 0;  ///< 0: dense
  bool tied_head = false;                            ///< embedding and head are one table
  bool qkv_bias = false, qk_norm = false;            ///< Qwen 2; Qwen 3
  double rope_theta = 10000, rms_eps = 1e-5;
  std::optional<RopeScaling> rope_scaling;
  bool operator==(const DecoderShape&) const = default;
};

/// Of a name or path as find_model() takes it. Fails (bad_input) for models that the measured engine does not run:
/// latent or linear attention, sliding windows, other activations or scalings of positions; the message says which.
Result<DecoderShape> find_decoder_shape(const std::string& name_or_path);
/// From the text of a Hugging Face config.json; `model` is model_from_config() of the same text.
Result<DecoderShape> decoder_shape_from_config(std::string_view json, const std::string& file, const Model& model);

/// Weights of all matrices and norms.
double decoder_params(const Model& model, const DecoderShape& shape);

}  // namespace kv
