#include <cmath>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "base/random.hpp"
#include "torch/module_decoder.hpp"
#include "torch/module_guard.hpp"

namespace kv {
namespace {

// Logits of a random model spread as those of a trained one, of which a few stand out.
constexpr double kLogitSpread = 2.5;

/// Uniform within +- spread x sqrt(3), by the element's own number: no generator whose order threads could change.
at::Tensor random_tensor(at::IntArrayRef sizes, double spread, std::uint64_t seed, const at::TensorOptions& options) {
  at::Tensor out = at::empty(sizes, at::kFloat);
  auto* const data = out.data_ptr<float>();
  const auto width = static_cast<float>(2 * spread * std::sqrt(3.0));
  for (std::int64_t i = 0; i < out.numel(); ++i) {
    const std::uint64_t bits = mix64(seed + static_cast<std::uint64_t>(i)) >> 40;
    data[i] = (static_cast<float>(bits) * 0x1.0p-24F - 0.5F) * width;
  }
  return out.to(options);
}

/// Tensors of one model, each with numbers of its own.
class RandomTensors {
 public:
  RandomTensors(std::uint64_t seed, const at::TensorOptions& options) : seed_(seed), options_(options) {}
  at::Tensor matrix(std::int64_t out, std::int64_t in, double gain = 1) {
    return random_tensor({out, in}, gain / std::sqrt(static_cast<double>(in)), mix64(seed_, ++made_), options_);
  }
  at::Tensor bias(std::int64_t out) { return random_tensor({out}, 0.1, mix64(seed_, ++made_), options_); }
  at::Tensor norm(std::int64_t width) const { return at::ones({width}, options_); }

 private:
  std::uint64_t seed_, made_ = 0;
  at::TensorOptions options_;
};

struct Sizes {
  std::int64_t hidden, queries, keys, dim, inner, experts;
  explicit Sizes(const KvTorchDecoder& s)
      : hidden(s.hidden),
        queries(std::int64_t{s.heads} * s.head_dim),
        keys(std::int64_t{s.kv_heads} * s.head_dim),
        dim(s.head_dim),
        inner(s.intermediate),
        experts(s.experts == 0 ? 1 : s.experts) {}
};

DecoderLayer random_layer(const KvTorchDecoder& shape, RandomTensors& random) {
  const Sizes n(shape);
  const double branch = 1 / std::sqrt(2.0 * shape.layers);  // so that the residual sum does not grow with depth
  DecoderLayer layer;
  layer.attention_norm = random.norm(n.hidden);
  layer.qkv = random.matrix(n.queries + 2 * n.keys, n.hidden);
  if (shape.qkv_bias != 0) layer.qkv_bias = random.bias(n.queries + 2 * n.keys);
  if (shape.qk_norm != 0) layer.q_norm = layer.k_norm = random.norm(n.dim);
  layer.output = random.matrix(n.hidden, n.queries, branch);
  layer.mlp_norm = random.norm(n.hidden);
  if (shape.experts != 0) layer.router = random.matrix(n.experts, n.hidden);
  for (std::int64_t e = 0; e < n.experts; ++e) {
    layer.gate.push_back(random.matrix(n.inner, n.hidden));
    layer.up.push_back(random.matrix(n.inner, n.hidden));
    layer.down.push_back(random.matrix(n.hidden, n.inner, branch));
  }
  return layer;
}

}  // namespace

DecoderWeights random_weights(const KvTorchDecoder& shape, const at::TensorOptions& options) {
  const Sizes n(shape);
  RandomTensors random(shape.seed, options);
  DecoderWeights weights;
  weights.embedding = random.matrix(shape.vocab, n.hidden, kLogitSpread);
  weights.head = shape.tied_head != 0 ? weights.embedding : random.matrix(shape.vocab, n.hidden, kLogitSpread);
  weights.final_norm = random.norm(n.hidden);
  for (std::uint32_t i = 0; i < shape.layers; ++i) weights.layers.push_back(random_layer(shape, random));
  return weights;
}

NamedWeights::NamedWeights(const KvTorchDecoder& shape, const at::TensorOptions& options) {
  const Sizes n(shape);
  weights_.embedding = at::empty({shape.vocab, n.hidden}, options);
  weights_.head = shape.tied_head != 0 ? weights_.embedding : at::empty({shape.vocab, n.hidden}, options);
  weights_.final_norm = at::empty({n.hidden}, options);
  add("model.embed_tokens.weight", weights_.embedding);
  if (shape.tied_head == 0) add("lm_head.weight", weights_.head);
  add("model.norm.weight", weights_.final_norm);
  for (std::uint32_t i = 0; i < shape.layers; ++i) {
    DecoderLayer layer;
    layer.attention_norm = at::empty({n.hidden}, options);
    layer.qkv = at::empty({n.queries + 2 * n.keys, n.hidden}, options);
    if (shape.qkv_bias != 0) layer.qkv_bias = at::empty({n.queries + 2 * n.keys}, options);
    if (shape.qk_norm != 0) {
      layer.q_norm = at::empty({n.dim}, options);
      layer.k_norm = at::empty({n.dim}, options);
    }
    layer.output = at::empty({n.hidden, n.queries}, options);
    layer.mlp_norm = at::empty({n.hidden}, options);
    if (shape.experts != 0) layer.router = at::empty({n.experts, n.hidden}, options);
    for (std::int64_t e = 0; e < n.experts; ++e) {
      layer.gate.push_back(at::empty({n.inner, n.hidden}, options));
      layer.up.push_back(at::empty({n.inner, n.hidden}, options));
      layer.down.push_back(at::empty({n.hidden, n.inner}, options));
    }
    weights_.layers.push_back(std::move(layer));
    add_layer(shape, i);
  }
}

void NamedWeights::add_layer(const KvTorchDecoder& shape, std::size_t index) {
  const Sizes n(shape);
  const DecoderLayer& layer = weights_.layers[index];
  const std::string at = "model.layers." + std::to_string(index) + ".";
  std::int64_t row = 0;
  for (const char* part : {"q", "k", "v"}) {
    const std::int64_t rows = part[0] == 'q' ? n.queries : n.keys;
    const std::string name = at + "self_attn." + part + "_proj";
    add(name + ".weight", layer.qkv.narrow(0, row, rows));
    if (layer.qkv_bias.defined()) add(name + ".bias", layer.qkv_bias.narrow(0, row, rows));
    row += rows;
  }
  if (layer.q_norm.defined()) {
    add(at + "self_attn.q_norm.weight", layer.q_norm);
    add(at + "self_attn.k_norm.weight", layer.k_norm);
  }
  add(at + "self_attn.o_proj.weight", layer.output);
  add(at + "input_layernorm.weight", layer.attention_norm);
  add(at + "post_attention_layernorm.weight", layer.mlp_norm);
  add_feed_forward(layer, at);
}

void NamedWeights::add_feed_forward(const DecoderLayer& layer, const std::string& at) {
  if (!layer.router.defined()) {
    add(at + "mlp.gate_proj.weight", layer.gate[0]);
    add(at + "mlp.up_proj.weight", layer.up[0]);
    add(at + "mlp.down_proj.weight", layer.down[0]);
    return;
  }
  const std::string qwen = at + "mlp.", mixtral = at + "block_sparse_moe.";
  add(qwen + "gate.weight", layer.router, mixtral + "gate.weight");
  for (std::size_t e = 0; e < layer.gate.size(); ++e) {
    const std::string expert = "experts." + std::to_string(e) + ".";
    add(qwen + expert + "gate_proj.weight", layer.gate[e], mixtral + expert + "w1.weight");
    add(qwen + expert + "up_proj.weight", layer.up[e], mixtral + expert + "w3.weight");
    add(qwen + expert + "down_proj.weight", layer.down[e], mixtral + expert + "w2.weight");
  }
}

void NamedWeights::set(const std::string& name, const at::Tensor& value) {
  for (Place& place : places_) {
    if (name != place.name && name != place.other_name) continue;
    if (place.into.sizes() != value.sizes()) {
      std::ostringstream what;
      what << name << " has the shape " << value.sizes() << ", but the model needs " << place.into.sizes();
      throw std::invalid_argument(what.str());
    }
    place.into.copy_(value);
    place.set = true;
    return;
  }
  throw std::invalid_argument("the model has no place for " + name);
}

void NamedWeights::check() const {
  for (const Place& place : places_) {
    if (!place.set) throw std::invalid_argument("no weights for " + place.name);
  }
}

}  // namespace kv
