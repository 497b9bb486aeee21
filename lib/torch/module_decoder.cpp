#include "torch/module_decoder.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "torch/module_guard.hpp"

namespace kv {
namespace {

constexpr double kPi = 3.14159265358979323846;

/// Adds the time until it goes out of scope.
class Timer {
 public:
  explicit Timer(std::uint64_t& into) : into_(into), start_(Clock::now()) {}
  ~Timer() {
    into_ +=
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start_).count());
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  std::uint64_t& into_;
  Clock::time_point start_;
};

/// Radians a token, per pair of a head's channels: theta^(-2i/dim), of which Llama 3 stretches those whose wave is long
/// beside the context that the model was first trained on ("The Llama 3 Herd of Models", 2024; its reference code).
std::vector<double> rope_frequencies(const KvTorchDecoder& shape) {
  std::vector<double> out(shape.head_dim / 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    double frequency = std::pow(shape.rope_theta, -2.0 * static_cast<double>(i) / shape.head_dim);
    if (shape.rope_original != 0) {
      const double waves = shape.rope_original * frequency / (2 * kPi);  // within the original context
      const double kept = (waves - shape.rope_low) / (shape.rope_high - shape.rope_low);
      const double share = std::min(1.0, std::max(0.0, kept));
      frequency *= share + (1 - share) / shape.rope_factor;
    }
    out[i] = frequency;
  }
  return out;
}

bool all_ones(const at::Tensor& weight) { return weight.eq(1).all().item<bool>(); }

bool all_norms_are_one(const DecoderWeights& weights) {
  return std::all_of(weights.layers.begin(), weights.layers.end(),
                     [](const DecoderLayer& layer) {
                       return all_ones(layer.attention_norm) && all_ones(layer.mlp_norm) &&
                              (!layer.q_norm.defined() || (all_ones(layer.q_norm) && all_ones(layer.k_norm)));
                     }) &&
         all_ones(weights.final_norm);
}

}  // namespace

Decoder::Decoder(const KvTorchDecoder& shape, DecoderWeights weights, const at::TensorOptions& compute)
    : shape_(shape), weights_(std::move(weights)), unit_norms_(all_norms_are_one(weights_)) {
  const auto tokens = static_cast<std::int64_t>(shape.max_tokens);
  kv_ = at::zeros({shape.layers, 2, tokens, std::int64_t{shape.kv_heads} * shape.head_dim},
                  compute.dtype(float_type(shape.kv_dtype)));
  const at::Tensor positions = at::arange(tokens, at::kDouble).unsqueeze(1);
  const at::Tensor angles = positions * at::tensor(rope_frequencies(shape), at::kDouble).unsqueeze(0);
  cos_ = angles.cos().unsqueeze(1).to(compute);
  sin_ = angles.sin().unsqueeze(1).to(compute);
}

KvTorchPrefillTimes Decoder::take_times() { return std::exchange(times_, {}); }

at::Tensor Decoder::project(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) {
  const Timer timer(times_.matmul_ns);
  return bias.defined() ? at::addmm(bias, input, weight.t()) : at::mm(input, weight.t());
}

/// The residual sum rides along with the product.
void Decoder::project_onto(at::Tensor& sum, const at::Tensor& input, const at::Tensor& weight) {
  const Timer timer(times_.matmul_ns);
  sum.addmm_(input, weight.t());
}

/// RMSNorm (Zhang and Sennrich 2019), its mean in fp32.
at::Tensor Decoder::normed(const at::Tensor& input, const at::Tensor& weight) const {
  const at::Tensor wide = input.to(at::kFloat);
  const double width = static_cast<double>(input.size(-1));
  at::Tensor scale = at::linalg_vector_norm(wide, 2, at::IntArrayRef{-1}, true);
  scale.square_().mul_(1 / width).add_(shape_.rms_eps).rsqrt_();
  at::Tensor out = at::mul(wide, scale).to(input.scalar_type());
  if (!unit_norms_) out.mul_(weight);
  return out;
}

/// Rotary positions (Su et al. 2021) in place, pairs half a head apart as Hugging Face lays them.
void Decoder::rotate(const at::Tensor& heads, std::int64_t position) const {
  const std::int64_t half = heads.size(2) / 2, tokens = heads.size(0);
  const at::Tensor cos = cos_.narrow(0, position, tokens), sin = sin_.narrow(0, position, tokens);
  at::Tensor first = heads.narrow(2, 0, half), second = heads.narrow(2, half, half);
  const at::Tensor turned = at::mul(second, sin), other = at::mul(first, sin);
  first.mul_(cos).sub_(turned);
  second.mul_(cos).add_(other);
}

void Decoder::feed_forward(const DecoderLayer& layer, at::Tensor& hidden, const at::Tensor& input) {
  if (layer.router.defined()) return route(layer, hidden, input);
  at::Tensor gate = project(input, layer.gate[0]);
  at::silu_(gate);
  gate.mul_(project(input, layer.up[0]));
  project_onto(hidden, gate, layer.down[0]);
}

/// Each token goes through its best experts, weighted by a softmax over those (Mixtral; Jiang et al. 2024).
void Decoder::route(const DecoderLayer& layer, at::Tensor& hidden, const at::Tensor& input) {
  const at::Tensor scores = project(input, layer.router).to(at::kFloat);
  const auto best = scores.topk(shape_.experts_per_token);
  const at::Tensor shares = at::softmax(std::get<0>(best), -1).to(input.scalar_type()), chosen = std::get<1>(best);
  for (std::int64_t e = 0; e < shape_.experts; ++e) {
    const auto where = chosen.eq(e).nonzero_numpy();  // [tokens], [rank among the token's experts]
    if (where[0].numel() == 0) continue;
    const at::Tensor rows = input.index_select(0, where[0]);
    const auto expert = static_cast<std::size_t>(e);
    at::Tensor gate = project(rows, layer.gate[expert]);
    at::silu_(gate);
    gate.mul_(project(rows, layer.up[expert]));
    at::Tensor out = project(gate, layer.down[expert]);
    out.mul_(shares.index({where[0], where[1]}).unsqueeze(1));
    hidden.index_add_(0, where[0], out);
  }
}

void Decoder::run_layer(std::int64_t index, at::Tensor& hidden, std::int64_t position) {
  const DecoderLayer& layer = weights_.layers[static_cast<std::size_t>(index)];
  const std::int64_t tokens = hidden.size(0), q = shape_.heads, kv = shape_.kv_heads, dim = shape_.head_dim;
  const at::Tensor heads =
      project(normed(hidden, layer.attention_norm), layer.qkv, layer.qkv_bias).view({tokens, q + 2 * kv, dim});
  if (layer.q_norm.defined()) {
    heads.narrow(1, 0, q).copy_(normed(heads.narrow(1, 0, q), layer.q_norm));
    heads.narrow(1, q, kv).copy_(normed(heads.narrow(1, q, kv), layer.k_norm));
  }
  rotate(heads.narrow(1, 0, q + kv), position);
  std::array<at::Tensor, 2> past;
  for (std::int64_t plane = 0; plane < 2; ++plane) {
    const at::Tensor store = kv_.select(0, index).select(0, plane).view({-1, kv, dim});
    store.narrow(0, position, tokens).copy_(heads.narrow(1, q + plane * kv, kv));
    past[static_cast<std::size_t>(plane)] = store.narrow(0, 0, position + tokens);
  }
  at::Tensor attended;
  {
    const Timer timer(times_.attention_ns);
    const auto compute = hidden.scalar_type();
    attended = attend(heads.narrow(1, 0, q), past[0].to(compute), past[1].to(compute));
  }
  project_onto(hidden, attended, layer.output);
  feed_forward(layer, hidden, normed(hidden, layer.mlp_norm));
}

at::Tensor Decoder::forward(const at::Tensor& ids, std::int64_t position) {
  at::Tensor hidden = weights_.embedding.index_select(0, ids);
  for (std::int64_t i = 0; i < shape_.layers; ++i) run_layer(i, hidden, position);
  return hidden;
}

at::Tensor Decoder::prefill(const std::uint32_t* tokens, std::uint64_t count, std::uint64_t position,
                            std::uint64_t rows) {
  if (count == 0) throw std::invalid_argument("no token to compute");
  if (rows > count) throw std::invalid_argument("more rows of logits than tokens");
  if (position > shape_.max_tokens || count > shape_.max_tokens - position) {
    throw std::out_of_range("the sequence is longer than the engine was made for");
  }
  std::vector<std::int64_t> ids(tokens, tokens + count);
  for (const std::int64_t id : ids) {
    if (id >= std::int64_t{shape_.vocab}) throw std::out_of_range("a token is not in the vocabulary");
  }
  const Timer timer(times_.total_ns);
  const at::InferenceMode inference;
  const at::Tensor all = at::tensor(ids, at::kLong).to(weights_.embedding.device());
  // A first token needs the head in any case, whether or not somebody looks at its logits.
  const std::uint64_t heads = std::max<std::uint64_t>(rows, 1);
  std::vector<at::Tensor> last;
  for (std::uint64_t at = 0; at < count; at += shape_.chunk_tokens) {
    const std::uint64_t chunk = std::min<std::uint64_t>(shape_.chunk_tokens, count - at), end = at + chunk;
    const at::Tensor hidden = forward(all.narrow(0, static_cast<std::int64_t>(at), static_cast<std::int64_t>(chunk)),
                                      static_cast<std::int64_t>(position + at));
    const std::uint64_t wanted = std::min(chunk, end - std::min(end, count - heads));
    if (wanted == 0) continue;
    last.push_back(hidden.narrow(0, static_cast<std::int64_t>(chunk - wanted), static_cast<std::int64_t>(wanted)));
  }
  const at::Tensor logits = project(normed(at::cat(last), weights_.final_norm), weights_.head);
  return logits.to(at::kCPU, at::kFloat).narrow(0, 0, static_cast<std::int64_t>(rows)).contiguous();
}

}  // namespace kv
