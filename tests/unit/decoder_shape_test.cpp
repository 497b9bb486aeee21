#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "model/decoder_shape.hpp"

using namespace kv;
using nlohmann::json;

namespace {

const json kLlama = {{"model_type", "llama"},       {"num_hidden_layers", 2}, {"hidden_size", 64},
                     {"num_attention_heads", 4},    {"vocab_size", 100},      {"intermediate_size", 128},
                     {"tie_word_embeddings", true}, {"rms_norm_eps", 1e-5},   {"hidden_act", "silu"}};

Result<DecoderShape> shape_of(const json& config) {
  const auto model = model_from_config(config.dump(), "config.json");
  if (!model) return error(model);
  return decoder_shape_from_config(config.dump(), "config.json", *model);
}

json with(const json& changes) {
  json out = kLlama;
  out.update(changes);
  return out;
}

}  // namespace

TEST_SUITE("decoder shape") {
  TEST_CASE("the catalogue's widths give the catalogue's parameters") {
    int known = 0;
    for (const Model& model : models()) {
      const auto shape = find_decoder_shape(model.name);
      if (!shape) {
        CAPTURE(shape.error().message);
        CHECK((model.mla || model.linear_layers != 0 || model.sliding_layers != 0));
        continue;
      }
      ++known;
      CAPTURE(model.name);
      CHECK(decoder_params(model, *shape) == doctest::Approx(model.params).epsilon(0.02));
    }
    CHECK(known == 18);
  }

  TEST_CASE("parameters of one shape, by hand") {
    // 2 layers x (64 x (64 + 32 + 32 + 64) attention + 2 x 64 norms + 3 x 64 x 128 network) + 64 + 100 x 64 tied
    json config = with({{"num_key_value_heads", 2}});
    const auto model = model_from_config(config.dump(), "config.json");
    const auto shape = shape_of(config);
    REQUIRE(shape);
    CHECK(decoder_params(*model, *shape) == 2 * (64 * 192 + 128 + 3 * 64 * 128) + 64 + 6400);
    DecoderShape other = *shape;
    other.tied_head = false;
    CHECK(decoder_params(*model, other) == decoder_params(*model, *shape) + 6400);
    other = *shape;
    other.qkv_bias = true;
    CHECK(decoder_params(*model, other) == decoder_params(*model, *shape) + 2 * 128);
    other = *shape;
    other.qk_norm = true;
    CHECK(decoder_params(*model, other) == decoder_params(*model, *shape) + 2 * 32);
    other = *shape;
    other.experts = 3;
    CHECK(decoder_params(*model, other) == decoder_params(*model, *shape) + 2 * (2 * 3 * 64 * 128 + 64 * 3));
  }

  TEST_CASE("rope fields of transformers 4 and 5 say the same") {
    const json scaling = {{"rope_type", "llama3"},
                          {"factor", 32.0},
                          {"low_freq_factor", 2.0},
                          {"high_freq_factor", 5.0},
                          {"original_max_position_embeddings", 4096}};
    const auto old = shape_of(with({{"rope_theta", 500000.0}, {"rope_scaling", scaling}}));
    json joint = scaling;
    joint["rope_theta"] = 500000.0;
    const auto now = shape_of(with({{"rope_parameters", joint}}));
    REQUIRE(old);
    REQUIRE(now);
    CHECK(*old == *now);
    CHECK(old->rope_theta == 500000);
    CHECK(*old->rope_scaling == RopeScaling{4096, 32, 2, 5});
    const auto plain = shape_of(with({{"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 7.0}}}}));
    REQUIRE(plain);
    CHECK(plain->rope_theta == 7);
    CHECK_FALSE(plain->rope_scaling);
  }

  TEST_CASE("what the engine does not run is refused by name") {
    const auto says = [](const json& config, const std::string& part) {
      const auto shape = shape_of(config);
      REQUIRE_FALSE(shape);
      CAPTURE(shape.error().message);
      CHECK(shape.error().code == Code::bad_input);
      CHECK(shape.error().message.find(part) != std::string::npos);
    };
    says(with({{"model_type", "gpt_neox"}}), "model_type is 'gpt_neox'");
    says(with({{"hidden_act", "gelu"}}), "hidden_act is 'gelu'");
    says(with({{"mlp_bias", true}}), "mlp_bias");
    says(with({{"partial_rotary_factor", 0.5}}), "partial_rotary_factor");
    says(with({{"rope_scaling", {{"rope_type", "yarn"}, {"factor", 4.0}}}}), "type 'yarn'");
    says(with({{"rope_scaling", {{"rope_type", "llama3"}, {"low_freq_factor", 4.0}}}}), "bounds that cannot be");
    says(with({{"rope_theta", -1}}), "rope_theta must be a number above 0");
    says(with({{"rope_theta", "x"}}), "rope_theta must be a number above 0");
    says(with({{"sliding_window", 32}, {"model_type", "mistral"}}), "sliding-window layers");
    says(with({{"model_type", "qwen3_moe"},
               {"num_experts", 4},
               {"num_experts_per_tok", 2},
               {"moe_intermediate_size", 32},
               {"n_shared_experts", 1}}),
         "n_shared_experts");
    const json mixture = {{"model_type", "qwen3_moe"},
                          {"num_experts", 4},
                          {"num_experts_per_tok", 2},
                          {"moe_intermediate_size", 32},
                          {"norm_topk_prob", true}};
    CHECK(shape_of(with(mixture)));
    const auto mixed = [&](const char* name, const json& value) {
      json changed = mixture;
      changed[name] = value;
      return with(changed);
    };
    says(mixed("norm_topk_prob", false), "norm_topk_prob is not true");
    says(mixed("norm_topk_prob", nullptr), "norm_topk_prob is not true");
    says(mixed("decoder_sparse_step", 2), "decoder_sparse_step is not 1");
    says(mixed("mlp_only_layers", json::array({0})), "mlp_only_layers is not empty");
    for (const char* name : {"deepseek-v3", "gemma-3-27b", "qwen3.5-27b", "gpt-oss-20b"}) {
      const auto shape = find_decoder_shape(name);
      REQUIRE_FALSE(shape);
      CHECK(shape.error().message.find(name) == 0);
      CHECK(shape.error().hint.find("modelled") != std::string::npos);
    }
    CHECK_FALSE(find_decoder_shape("no such model"));
    CHECK_FALSE(find_decoder_shape("/nowhere/config.json"));
  }
}
