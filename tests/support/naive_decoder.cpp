#include "support/naive_decoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/random.hpp"
#include "support/safetensors_file.hpp"

namespace kv::test {
namespace {

using Vector = std::vector<double>;

std::string layer(std::size_t index, const std::string& rest) { return fmt::format("model.layers.{}.{}", index, rest); }

/// weight x input (+ bias)
Vector times(const Matrix& weight, const Vector& input, const Matrix* bias = nullptr) {
  Vector out(weight.rows);
  for (std::size_t r = 0; r < weight.rows; ++r) {
    for (std::size_t c = 0; c < weight.columns; ++c) out[r] += weight.at[r * weight.columns + c] * input[c];
    if (bias != nullptr) out[r] += bias->at[r];
  }
  return out;
}

Vector normed(const Vector& input, const Matrix& weight, double eps) {
  double squares = 0;
  for (const double x : input) squares += x * x;
  const double scale = 1 / std::sqrt(squares / static_cast<double>(input.size()) + eps);
  Vector out(input.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = input[i] * scale * weight.at[i];
  return out;
}

double wave(const DecoderShape& shape, std::uint32_t head_dim, std::size_t pair) {
  const double frequency = 1 / std::pow(shape.rope_theta, 2.0 * static_cast<double>(pair) / head_dim);
  if (!shape.rope_scaling) return frequency;
  const RopeScaling& s = *shape.rope_scaling;
  const double wavelength = 2 * 3.14159265358979323846 / frequency;
  if (wavelength < s.original / s.high) return frequency;
  if (wavelength > s.original / s.low) return frequency / s.factor;
  const double smooth = (s.original / wavelength - s.low) / (s.high - s.low);
  return (1 - smooth) * frequency / s.factor + smooth * frequency;
}

/// Channel i of a head turns with channel i + dim / 2.
void rotate(Vector& head, const DecoderShape& shape, std::size_t position) {
  const std::size_t half = head.size() / 2;
  for (std::size_t i = 0; i < half; ++i) {
    const double angle = static_cast<double>(position) * wave(shape, static_cast<std::uint32_t>(head.size()), i);
    const double a = head[i], b = head[i + half];
    head[i] = a * std::cos(angle) - b * std::sin(angle);
    head[i + half] = b * std::cos(angle) + a * std::sin(angle);
  }
}

Vector softmax(Vector scores) {
  const double most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& s : scores) sum += s = std::exp(s - most);
  for (double& s : scores) s /= sum;
  return scores;
}

Vector network(const Weights& weights, const std::string& at, const Vector& input) {
  Vector gate = times(weights.at(at + "gate_proj.weight"), input);
  const Vector up = times(weights.at(at + "up_proj.weight"), input);
  for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
  return times(weights.at(at + "down_proj.weight"), gate);
}

Vector experts(const DecoderShape& shape, const Weights& weights, const std::string& at, const Vector& input) {
  const Vector scores = times(weights.at(at + "gate.weight"), input);
  std::vector<std::size_t> order(scores.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  order.resize(shape.experts_per_token);
  Vector chosen;
  for (const std::size_t e : order) chosen.push_back(scores[e]);
  const Vector shares = softmax(chosen);
  Vector out(input.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Vector one = network(weights, fmt::format("{}experts.{}.", at, order[i]), input);
    for (std::size_t c = 0; c < out.size(); ++c) out[c] += shares[i] * one[c];
  }
  return out;
}

/// K and V of one layer, [token][kv head].
struct Past {
  std::vector<std::vector<Vector>> keys, values;
};

std::vector<Vector> heads_of(const Vector& all, std::size_t dim) {
  std::vector<Vector> out;
  for (std::size_t at = 0; at < all.size(); at += dim) out.emplace_back(all.begin() + at, all.begin() + at + dim);
  return out;
}

Vector attention(const Model& model, const DecoderShape& shape, const Weights& weights, std::size_t index,
                 const Vector& input, std::size_t position, Past& past) {
  const auto project = [&](const char* part, const char* norm, bool turn) {
    const std::string name = layer(index, fmt::format("self_attn.{}_proj.", part));
    const Matrix* bias = shape.qkv_bias ? &weights.at(name + "bias") : nullptr;
    auto heads = heads_of(times(weights.at(name + "weight"), input, bias), model.head_dim);
    for (Vector& head : heads) {
      if (shape.qk_norm && turn) head = normed(head, weights.at(layer(index, norm)), shape.rms_eps);
      if (turn) rotate(head, shape, position);
    }
    return heads;
  };
  const auto queries = project("q", "self_attn.q_norm.weight", true);
  past.keys.push_back(project("k", "self_attn.k_norm.weight", true));
  past.values.push_back(project("v", "", false));
  Vector out;
  for (std::size_t h = 0; h < queries.size(); ++h) {
    const std::size_t kv = h / (model.heads / model.kv_heads);
    Vector scores;
    for (const auto& keys : past.keys) {
      double dot = 0;
      for (std::size_t c = 0; c < model.head_dim; ++c) dot += queries[h][c] * keys[kv][c];
      scores.push_back(dot / std::sqrt(static_cast<double>(model.head_dim)));
    }
    scores = softmax(scores);
    for (std::size_t c = 0; c < model.head_dim; ++c) {
      double sum = 0;
      for (std::size_t t = 0; t < scores.size(); ++t) sum += scores[t] * past.values[t][kv][c];
      out.push_back(sum);
    }
  }
  return times(weights.at(layer(index, "self_attn.o_proj.weight")), out);
}

void add(Vector& sum, const Vector& other) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += other[i];
}

Matrix random_matrix(std::size_t rows, std::size_t columns, double spread, double middle, Random& random) {
  Matrix out{rows, columns, std::vector<double>(rows * columns)};
  // Rounded to fp32, as the file has them.
  for (double& x : out.at) x = static_cast<float>(middle + spread * (2 * random.uniform() - 1));
  return out;
}

}  // namespace

Weights make_weights(const Model& m, const DecoderShape& s, std::uint64_t seed) {
  Random random(seed);
  Weights out;
  const auto matrix = [&](const std::string& name, std::size_t rows, std::size_t columns) {
    out[name] = random_matrix(rows, columns, 1.7 / std::sqrt(static_cast<double>(columns)), 0, random);
  };
  const auto norm = [&](const std::string& name, std::size_t width) {
    out[name] = random_matrix(1, width, 0.3, 1, random);
  };
  const auto widen = [&](const std::string& at) {
    matrix(at + "gate_proj.weight", s.intermediate, m.hidden);
    matrix(at + "up_proj.weight", s.intermediate, m.hidden);
    matrix(at + "down_proj.weight", m.hidden, s.intermediate);
  };
  const std::size_t queries = std::size_t{m.heads} * m.head_dim, keys = std::size_t{m.kv_heads} * m.head_dim;
  matrix("model.embed_tokens.weight", s.vocab, m.hidden);
  if (!s.tied_head) matrix("lm_head.weight", s.vocab, m.hidden);
  norm("model.norm.weight", m.hidden);
  for (std::size_t i = 0; i < m.layers; ++i) {
    for (const char* part : {"q", "k", "v"}) {
      const std::size_t rows = part[0] == 'q' ? queries : keys;
      const std::string name = layer(i, fmt::format("self_attn.{}_proj.", part));
      matrix(name + "weight", rows, m.hidden);
      if (s.qkv_bias) out[name + "bias"] = random_matrix(1, rows, 0.5, 0, random);
      if (s.qk_norm && part[0] != 'v') norm(layer(i, fmt::format("self_attn.{}_norm.weight", part)), m.head_dim);
    }
    matrix(layer(i, "self_attn.o_proj.weight"), m.hidden, queries);
    norm(layer(i, "input_layernorm.weight"), m.hidden);
    norm(layer(i, "post_attention_layernorm.weight"), m.hidden);
    if (s.experts == 0) {
      widen(layer(i, "mlp."));
      continue;
    }
    matrix(layer(i, "mlp.gate.weight"), s.experts, m.hidden);
    for (std::size_t e = 0; e < s.experts; ++e) widen(layer(i, fmt::format("mlp.experts.{}.", e)));
  }
  return out;
}

std::vector<std::vector<double>> naive_logits(const Model& m, const DecoderShape& s, const Weights& weights,
                                              const std::vector<std::uint32_t>& tokens) {
  const Matrix& embedding = weights.at("model.embed_tokens.weight");
  const Matrix& head = s.tied_head ? embedding : weights.at("lm_head.weight");
  std::vector<Past> past(m.layers);
  std::vector<Vector> out;
  for (std::size_t position = 0; position < tokens.size(); ++position) {
    const auto row = embedding.at.begin() + static_cast<std::ptrdiff_t>(std::size_t{tokens[position]} * m.hidden);
    Vector hidden(row, row + m.hidden);
    for (std::size_t i = 0; i < m.layers; ++i) {
      const Vector input = normed(hidden, weights.at(layer(i, "input_layernorm.weight")), s.rms_eps);
      add(hidden, attention(m, s, weights, i, input, position, past[i]));
      const Vector wide = normed(hidden, weights.at(layer(i, "post_attention_layernorm.weight")), s.rms_eps);
      add(hidden,
          s.experts == 0 ? network(weights, layer(i, "mlp."), wide) : experts(s, weights, layer(i, "mlp."), wide));
    }
    out.push_back(times(head, normed(hidden, weights.at("model.norm.weight"), s.rms_eps)));
  }
  return out;
}

void write_model(const std::string& directory, const Model& m, const DecoderShape& s, const Weights& weights) {
  std::filesystem::create_directories(directory);
  nlohmann::json header = nlohmann::json::object();
  std::string data;
  for (const auto& [name, matrix] : weights) {
    const std::size_t begin = data.size();
    for (const double value : matrix.at) {
      const auto single = static_cast<float>(value);
      data.append(reinterpret_cast<const char*>(&single), sizeof(single));
    }
    const bool is_vector = matrix.rows == 1;
    header[name] = {{"dtype", "F32"},
                    {"shape", is_vector ? nlohmann::json{matrix.columns} : nlohmann::json{matrix.rows, matrix.columns}},
                    {"data_offsets", {begin, data.size()}}};
  }
  std::ofstream(directory + "/model.safetensors", std::ios::binary) << safetensors_file(header.dump(), data);
  nlohmann::json config = {{"model_type", s.experts != 0 ? "qwen3_moe"
                                          : s.qk_norm    ? "qwen3"
                                          : s.qkv_bias   ? "qwen2"
                                                         : "llama"},
                           {"num_hidden_layers", m.layers},
                           {"hidden_size", m.hidden},
                           {"num_attention_heads", m.heads},
                           {"num_key_value_heads", m.kv_heads},
                           {"head_dim", m.head_dim},
                           {"vocab_size", s.vocab},
                           {"intermediate_size", s.intermediate},
                           {"tie_word_embeddings", s.tied_head},
                           {"rms_norm_eps", s.rms_eps},
                           {"rope_theta", s.rope_theta},
                           {"hidden_act", "silu"}};
  if (s.experts != 0) {
    config["num_experts"] = s.experts;
    config["num_experts_per_tok"] = s.experts_per_token;
    config["moe_intermediate_size"] = s.intermediate;
    config["norm_topk_prob"] = true;
  }
  if (s.rope_scaling) {
    config["rope_scaling"] = {{"rope_type", "llama3"},
                              {"factor", s.rope_scaling->factor},
                              {"low_freq_factor", s.rope_scaling->low},
                              {"high_freq_factor", s.rope_scaling->high},
                              {"original_max_position_embeddings", s.rope_scaling->original}};
  }
  std::ofstream(directory + "/config.json") << config.dump(2);
}

std::vector<DecoderCase> decoder_cases() {
  Model model;
  model.name = "case";
  model.layers = 2;
  model.hidden = 24;
  model.heads = 6;
  model.kv_heads = 2;
  model.head_dim = 8;
  DecoderShape shape;
  shape.vocab = 50;
  shape.intermediate = 40;
  shape.tied_head = true;
  std::vector<DecoderCase> cases{{"grouped queries, tied head", model, shape}};
  cases.push_back({"one key head for each query head, untied head", model, shape});
  cases.back().model.kv_heads = 6;
  cases.back().shape.tied_head = false;
  cases.push_back({"one key head for all, other theta and eps", model, shape});
  cases.back().model.kv_heads = 1;
  cases.back().shape.rope_theta = 500;
  cases.back().shape.rms_eps = 1e-3;
  cases.push_back({"Llama 3's scaling of positions", model, shape});
  cases.back().shape.rope_theta = 5000;
  cases.back().shape.rope_scaling = RopeScaling{64, 8, 1, 4};
  cases.push_back({"biases, as Qwen 2 has", model, shape});
  cases.back().shape.qkv_bias = true;
  cases.push_back({"normed queries and keys, as Qwen 3 has", model, shape});
  cases.back().shape.qk_norm = true;
  cases.back().model.head_dim = 10;
  cases.push_back({"experts", model, shape});
  cases.back().shape.qk_norm = true;
  cases.back().shape.experts = 5;
  cases.back().shape.experts_per_token = 2;
  return cases;
}

}  // namespace kv::test
