#include <doctest/doctest.h>

#include <fstream>

#include "engine/engine.hpp"
#include "engine/weight_files.hpp"
#include "support/naive_decoder.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_directory.hpp"

using namespace kv;
using test::DecoderCase;

namespace {

/// What Engine::make says of weights, or "made"; nullopt where LibTorch is missing.
std::string said(const std::string& directory, const DecoderCase& one) {
  EngineConfig config;
  config.model = one.model;
  config.decoder = one.shape;
  config.compute = Dtype::fp32;
  config.threads = 1;
  config.max_tokens = Tokens(16);
  config.weights = directory;
  const auto made = Engine::make(config);
  if (made) return "made";
  if (made.error().message.find("LibTorch module") != std::string::npos) return "no LibTorch";
  CHECK(made.error().code == Code::bad_input);
  return made.error().message;
}

void check_said(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CHECK((text == "no LibTorch" || text.find(part) != std::string::npos));
}

}  // namespace

TEST_SUITE("weight files") {
  TEST_CASE("a model cut into several files is read whole") {
    const test::TempDirectory directory;
    const DecoderCase one = test::decoder_cases()[1];
    auto weights = test::make_weights(one.model, one.shape, 3);
    test::Weights first;
    first.insert(weights.extract("lm_head.weight"));
    test::write_model(directory.path(), one.model, one.shape, first);
    std::filesystem::rename(directory / "model.safetensors", directory / "model-00002-of-00002.safetensors");
    check_said(said(directory.path(), one), "no weights for model.embed_tokens.weight");
    test::write_model(directory.path(), one.model, one.shape, weights);
    check_said(said(directory.path(), one), "made");
  }

  TEST_CASE("wrong weights are refused with file and tensor") {
    const test::TempDirectory directory;
    const DecoderCase one = test::decoder_cases().front();
    const auto weights = test::make_weights(one.model, one.shape, 3);
    check_said(said(directory / "nowhere", one), "No such file");
    check_said(said(directory.path(), one), "no *.safetensors file");

    test::Weights other = weights;
    other.at("model.norm.weight").columns = 23;
    other.at("model.norm.weight").at.resize(23);
    test::write_model(directory.path(), one.model, one.shape, other);
    check_said(said(directory.path(), one), "model.safetensors: LibTorch: model.norm.weight has the shape [23]");
    other = weights;
    other.erase("model.layers.1.mlp.up_proj.weight");
    test::write_model(directory.path(), one.model, one.shape, other);
    check_said(said(directory.path(), one), "no weights for model.layers.1.mlp.up_proj.weight");
    other = weights;
    other["model.vision.weight"] = {1, 2, {1, 2}};
    test::write_model(directory.path(), one.model, one.shape, other);
    check_said(said(directory.path(), one), "no place for model.vision.weight");

    test::write_model(directory.path(), one.model, one.shape, weights);
    const std::string file = directory / "model.safetensors";
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
    check_said(said(directory.path(), one), "model.safetensors");
    std::filesystem::resize_file(file, 5);
    check_said(said(directory.path(), one), "model.safetensors");
    // A header that would end behind the file.
    std::ofstream(file, std::ios::binary) << std::string("\xff\xff\x00\x00\x00\x00\x00\x00{}", 10);
    check_said(said(directory.path(), one), "model.safetensors");
    std::ofstream(file, std::ios::binary) << test::safetensors_file(
        R"({"model.norm.weight":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})", std::string(8, '\0'));
    check_said(said(directory.path(), one), "of the dtype I64");
  }

  TEST_CASE("a tensor beyond all that the model has is not read") {
    const test::TempDirectory directory;
    std::ofstream(directory / "a.safetensors", std::ios::binary)
        << test::safetensors_file(R"({"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", std::string(16, '\0'));
    std::size_t taken = 0;
    const TakeTensor take = [&taken](const SafeTensor&, std::span<const std::byte> bytes) -> Result<void> {
      taken += bytes.size();
      return {};
    };
    CHECK(read_weight_files(directory.path(), 16, take));
    CHECK(taken == 16);
    const auto refused = read_weight_files(directory.path(), 15, take);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("x has 16 bytes") != std::string::npos);
  }
}
