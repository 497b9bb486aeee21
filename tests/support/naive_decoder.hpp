#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/decoder_shape.hpp"
#include "model/model.hpp"

namespace kv::test {

/// [rows][columns], row-major; a vector has one row.
struct Matrix {
  std::size_t rows = 0, columns = 0;
  std::vector<double> at;
};

/// Weights by their Hugging Face names; norms near 1, biases near 0, all others random.
using Weights = std::map<std::string, Matrix>;
Weights make_weights(const Model& model, const DecoderShape& shape, std::uint64_t seed);

/// config.json and model.safetensors (fp32) in `directory`, as Hugging Face writes them.
void write_model(const std::string& directory, const Model& model, const DecoderShape& shape, const Weights& weights);

/// The Llama family's forward pass from its papers, one token after the other in plain loops and double precision: the
/// specification that lib/torch is held to. Returns the logits behind each token.
std::vector<std::vector<double>> naive_logits(const Model& model, const DecoderShape& shape, const Weights& weights,
                                              const std::vector<std::uint32_t>& tokens);

/// Small shapes that differ in everything a decoder can differ in, by name.
struct DecoderCase {
  std::string name;
  Model model;
  DecoderShape shape;
};
std::vector<DecoderCase> decoder_cases();

}  // namespace kv::test
