#pragma once
// Included by module*.cpp alone.
#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "torch/abi.h"

namespace kv {

/// One layer's weights, [out][in] of the compute dtype; an undefined tensor is one that the model does not have.
struct DecoderLayer {
  at::Tensor attention_norm, qkv, qkv_bias, q_norm, k_norm, output;
  at::Tensor mlp_norm, router;
  std::vector<at::Tensor> gate, up, down;  // one, or one an expert
};

struct DecoderWeights {
  at::Tensor embedding, final_norm, head;
  std::vector<DecoderLayer> layers;
};

/// All weights on `device`, uniform with the usual variance, from the seed alone: the same on every machine. Norms
/// are 1.
DecoderWeights random_weights(const KvTorchDecoder& shape, const at::TensorOptions& options);

/// Weights that come from outside, by name.
class NamedWeights {
 public:
  NamedWeights(const KvTorchDecoder& shape, const at::TensorOptions& options);
  /// Throws on a name that the decoder has no place for, and on another shape.
  void set(const std::string& name, const at::Tensor& value);
  /// Throws, naming the first that is missing.
  void check() const;
  const DecoderWeights& weights() const { return weights_; }

 private:
  struct Place {
    std::string name, other_name;  // Mixtral's names differ from Qwen's
    at::Tensor into;
    bool set = false;
  };
  void add(const std::string& name, const at::Tensor& into, const std::string& other_name = {}) {
    places_.push_back({name, other_name, into});
  }
  void add_feed_forward(const DecoderLayer& layer, const std::string& at);
  void add_layer(const KvTorchDecoder& shape, std::size_t index);

  DecoderWeights weights_;
  std::vector<Place> places_;
};

/// Causal attention of `queries` [T][heads][dim], the last T of n tokens, to `keys` and `values` [n][kv_heads][dim].
/// Returns [T][heads x dim]. Fused where this LibTorch has it; else in blocks of queries, so that scores stay small.
at::Tensor attend(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values);
/// What attend() uses here.
std::string attention_kernel();

/// The Llama family's forward pass over one sequence, whose KV it keeps. Not thread-safe.
class Decoder {
 public:
  Decoder(const KvTorchDecoder& shape, DecoderWeights weights, const at::TensorOptions& compute);

  /// As KvTorchModule::engine_prefill; returns [rows][vocab] in fp32 on the host.
  at::Tensor prefill(const std::uint32_t* tokens, std::uint64_t count, std::uint64_t position, std::uint64_t rows);
  KvTorchPrefillTimes take_times();

  /// [layers][2][max_tokens][kv_heads x head_dim]
  const at::Tensor& kv() const { return kv_; }

 private:
  at::Tensor forward(const at::Tensor& ids, std::int64_t position);
  void run_layer(std::int64_t index, at::Tensor& hidden, std::int64_t position);
  at::Tensor project(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias = {});
  void project_onto(at::Tensor& sum, const at::Tensor& input, const at::Tensor& weight);
  at::Tensor normed(const at::Tensor& input, const at::Tensor& weight) const;
  void rotate(const at::Tensor& heads, std::int64_t position) const;
  void feed_forward(const DecoderLayer& layer, at::Tensor& hidden, const at::Tensor& input);
  void route(const DecoderLayer& layer, at::Tensor& hidden, const at::Tensor& input);

  KvTorchDecoder shape_;
  DecoderWeights weights_;
  at::Tensor kv_, cos_, sin_;
  bool unit_norms_;
  KvTorchPrefillTimes times_{};
};

}  // namespace kv
