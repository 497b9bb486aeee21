#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "model/model.hpp"

using namespace kv;
using nlohmann::json;

namespace {

Model config(const json& fields) {
  const Result<Model> model = model_from_config(fields.dump(), "some/config.json");
  REQUIRE_MESSAGE(model.has_value(), model.error().message);
  return *model;
}

std::string complaint(const std::string& text) {
  const Result<Model> model = model_from_config(text, "bad.json");
  REQUIRE_FALSE(model.has_value());
  CHECK(model.error().code == Code::bad_input);
  CHECK(model.error().message.starts_with("bad.json: "));
  return model.error().message;
}

// The public configs' shapes, from memory.
json llama() {
  return {{"model_type", "llama"},   {"hidden_size", 4096},         {"intermediate_size", 14336},
          {"num_hidden_layers", 32}, {"num_attention_heads", 32},   {"num_key_value_heads", 8},
          {"vocab_size", 128256},    {"tie_word_embeddings", false}};
}

json with(json base, const json& more) {
  base.update(more);
  return base;
}

json layer_types(int repeats, const std::vector<std::string>& pattern) {
  json types = json::array();
  for (int i = 0; i < repeats; ++i)
    for (const std::string& type : pattern) types.push_back(type);
  return types;
}

bool within(double got, double want, double share) { return got > want * (1 - share) && got < want * (1 + share); }

}  // namespace

TEST_SUITE("model config") {
  TEST_CASE("head size, KV heads and their defaults") {
    CHECK(config(llama()).head_dim == 128);  // hidden / heads
    CHECK(config(llama()).kv_heads == 8);
    CHECK(config(with(llama(), {{"head_dim", 64}})).head_dim == 64);  // an explicit one wins
    json without = llama();
    without.erase("num_key_value_heads");
    CHECK(config(without).kv_heads == 32);
    CHECK(config(with(llama(), {{"num_key_value_heads", nullptr}})).kv_heads == 32);
  }

  TEST_CASE("the model is named after its directory and its revision follows every change") {
    const Model a = config(llama()), b = config(with(llama(), {{"rope_theta", 1}}));
    CHECK(a.name == "some");
    CHECK(a.revision == config(llama()).revision);
    CHECK(a.revision != b.revision);
    CHECK(model_from_config(llama().dump(), "/x/my-model.json")->name == "my-model");
  }

  TEST_CASE("parameters counted from shapes are within 3 % of the published figures") {
    const Model dense = config(llama());
    CHECK(within(dense.params, 8.03e9, 0.03));
    CHECK(dense.active_params == dense.params);

    const Model qwen = config({{"hidden_size", 3584},
                               {"intermediate_size", 18944},
                               {"num_hidden_layers", 28},
                               {"num_attention_heads", 28},
                               {"num_key_value_heads", 4},
                               {"vocab_size", 152064}});
    CHECK(within(qwen.params, 7.62e9, 0.03));

    const Model mixtral =
        config(with(llama(), {{"vocab_size", 32000}, {"num_local_experts", 8}, {"num_experts_per_tok", 2}}));
    CHECK(within(mixtral.params, 46.7e9, 0.03));
    CHECK(within(mixtral.active_params, 12.9e9, 0.03));

    const Model deepseek = config({{"hidden_size", 7168},
                                   {"intermediate_size", 18432},
                                   {"num_hidden_layers", 61},
                                   {"num_attention_heads", 128},
                                   {"num_key_value_heads", 128},
                                   {"vocab_size", 129280},
                                   {"n_routed_experts", 256},
                                   {"num_experts_per_tok", 8},
                                   {"n_shared_experts", 1},
                                   {"moe_intermediate_size", 2048},
                                   {"first_k_dense_replace", 3},
                                   {"kv_lora_rank", 512},
                                   {"q_lora_rank", 1536},
                                   {"qk_rope_head_dim", 64},
                                   {"qk_nope_head_dim", 128},
                                   {"v_head_dim", 128}});
    CHECK(within(deepseek.params, 671e9, 0.03));
    CHECK(within(deepseek.active_params, 37e9, 0.03));
    REQUIRE(deepseek.mla.has_value());
    CHECK(deepseek.mla->kv_lora_rank + deepseek.mla->rope_dim == 576);

    const Model tied = config(with(llama(), {{"tie_word_embeddings", true}}));
    CHECK(dense.params - tied.params == doctest::Approx(128256.0 * 4096));
    // A low rank of queries, shared experts and dense layers each count.
    const Model shared = config(with(llama(), {{"num_experts", 8},
                                               {"num_experts_per_tok", 2},
                                               {"shared_expert_intermediate_size", 100},
                                               {"vocab_size", 32000}}));
    CHECK(shared.params - mixtral.params == doctest::Approx(32 * 3 * 4096.0 * 100));
    const Model half = config(with(llama(), {{"num_experts", 8},
                                             {"num_experts_per_tok", 2},
                                             {"vocab_size", 32000},
                                             {"mlp_only_layers", {0, 1}},
                                             {"moe_intermediate_size", 14336}}));
    CHECK(mixtral.params - half.params == doctest::Approx(2 * (7 * 3 * 4096.0 * 14336 + 8 * 4096)));
  }

  TEST_CASE("sliding layers: listed, by pattern, by model type, or switched off") {
    const auto sliding = [](const json& more) { return config(with(llama(), more)).sliding_layers; };
    CHECK(sliding({{"sliding_window", nullptr}}) == 0);
    CHECK(sliding({{"sliding_window", 4096}}) == 32);  // Mistral 7B v0.1: all of them
    CHECK(sliding({{"sliding_window", 4096}, {"use_sliding_window", false}}) == 0);
    const auto qwen = [&](const json& more) {
      return sliding(with({{"sliding_window", 4096}, {"model_type", "qwen2"}}, more));
    };
    CHECK(qwen({{"use_sliding_window", true}, {"max_window_layers", 20}}) == 12);
    CHECK(qwen({{"use_sliding_window", true}, {"max_window_layers", 99}}) == 0);
    CHECK(qwen({{"use_sliding_window", true}}) == 4);                                 // the first 28 do not
    CHECK(qwen({{"max_window_layers", 20}}) == 0);                                    // switched on by name only
    CHECK(sliding({{"sliding_window", 1024}, {"sliding_window_pattern", 6}}) == 27);  // layers 6, 12, ... 30 are full
    CHECK(sliding({{"sliding_window", 1024}, {"model_type", "gemma3_text"}}) == 27);
    CHECK(sliding({{"sliding_window", 128}, {"model_type", "gpt_oss"}}) == 16);
    const json listed = layer_types(8, {"sliding_attention", "full_attention", "full_attention", "sliding_attention"});
    CHECK(sliding({{"sliding_window", 128}, {"layer_types", listed}}) == 16);
    CHECK(config(with(llama(), {{"sliding_window", 128}, {"layer_types", listed}})).window == 128);
    const json chunked =
        layer_types(8, {"chunked_attention", "chunked_attention", "chunked_attention", "full_attention"});
    const Model chunks = config(with(llama(), {{"attention_chunk_size", 8192}, {"layer_types", chunked}}));
    CHECK(chunks.sliding_layers == 24);
    CHECK(chunks.window == 8192);
  }

  TEST_CASE("Llama 4's chunked layers are those with rotary positions, listed or by interval") {
    // Scout's shape, from memory; its published sizes are 109 B (with 1 B that see) and 17 B.
    const json scout{{"model_type", "llama4_text"},  {"hidden_size", 5120},
                     {"intermediate_size", 8192},    {"intermediate_size_mlp", 16384},
                     {"num_hidden_layers", 48},      {"num_attention_heads", 40},
                     {"num_key_value_heads", 8},     {"head_dim", 128},
                     {"vocab_size", 202048},         {"num_local_experts", 16},
                     {"num_experts_per_tok", 1},     {"interleave_moe_layer_step", 1},
                     {"attention_chunk_size", 8192}, {"no_rope_layers", json::array()}};
    CHECK(config(scout).sliding_layers == 36);
    CHECK(config(scout).window == 8192);
    CHECK(within(config(scout).params, 108e9, 0.03));
    CHECK(within(config(scout).active_params, 17e9, 0.03));
    json listed = json::array();
    for (int i = 0; i < 48; ++i) listed.push_back(i < 40 ? 1 : 0);
    CHECK(config(with(scout, {{"no_rope_layers", listed}})).sliding_layers == 40);
    CHECK(config(with(scout, {{"no_rope_layer_interval", 2}})).sliding_layers == 24);
    CHECK(complaint(with(scout, {{"no_rope_layers", {1, 0}}}).dump()).find("must have 48 entries") !=
          std::string::npos);
    CHECK(complaint(with(llama(), {{"attention_chunk_size", 8192}}).dump()).find("which layers") != std::string::npos);
    const Model maverick = config(with(scout, {{"interleave_moe_layer_step", 2}, {"num_local_experts", 128}}));
    CHECK(within(maverick.params, 400e9, 0.03));
    CHECK(within(maverick.active_params, 17e9, 0.03));
  }

  TEST_CASE("layers and experts of kinds that kvkit does not size are refused by name") {
    const auto about = [](const json& more) { return complaint(with(llama(), more).dump()); };
    json minimax = json::array();
    for (int i = 0; i < 32; ++i) minimax.push_back(i % 8 == 7 ? 1 : 0);
    CHECK(about({{"attn_type_list", minimax}}).find("bad.json: attn_type_list has layers other than 1") == 0);
    CHECK(config(with(llama(), {{"attn_type_list", json::array({1, 1})}})).full_layers() == 32);
    CHECK(about({{"block_configs", json::array({1})}}).find("bad.json: block_configs means layers that differ") == 0);
    CHECK(about({{"linear_attn_config", {{"kda_layers", {1, 2}}}}}).find("bad.json: linear_attn_config means") == 0);
    CHECK(about({{"moe_num_experts", 64}, {"moe_k", 6}}).find("bad.json: moe_num_experts means experts") == 0);
    CHECK(about({{"num_experts_per_token", 8}}).find("bad.json: num_experts_per_token means experts") == 0);
    CHECK(config(with(llama(), {{"num_local_experts", 0}, {"num_experts_per_tok", 0}})).params > 8e9);
  }

  TEST_CASE("Qwen3.5-27B's own fields give the catalogue's row") {
    const json text{{"model_type", "qwen3_5_text"},
                    {"hidden_size", 5120},
                    {"intermediate_size", 17408},
                    {"num_hidden_layers", 64},
                    {"num_attention_heads", 24},
                    {"num_key_value_heads", 4},
                    {"head_dim", 256},
                    {"attn_output_gate", true},
                    {"linear_conv_kernel_dim", 4},
                    {"linear_key_head_dim", 128},
                    {"linear_num_key_heads", 16},
                    {"linear_num_value_heads", 48},
                    {"linear_value_head_dim", 128},
                    {"mamba_ssm_dtype", "float32"},
                    {"vocab_size", 248320},
                    {"layer_types",
                     layer_types(16, {"linear_attention", "linear_attention", "linear_attention", "full_attention"})}};
    const Model model = config({{"text_config", text}, {"tie_word_embeddings", false}});
    const Model row = *find_model("qwen3.5-27b");
    CHECK(model.linear_layers == 48);
    CHECK(model.full_layers() == 16);
    // 48 layers x (48 x 128 x 128 x 4 + 3 x (2 x 2048 + 6144) x 2)
    CHECK(model.linear_state == Bytes(153'944'064));
    CHECK(row.linear_state == model.linear_state);
    CHECK(row.linear_heads == model.linear_heads);
    CHECK(row.kv_heads * row.head_dim == model.kv_heads * model.head_dim);
    CHECK(within(model.params, row.params, 0.03));
    json by_interval = text;
    by_interval.erase("layer_types");
    by_interval["full_attention_interval"] = 4;
    CHECK(config(by_interval).linear_layers == 48);
    by_interval.erase("mamba_ssm_dtype");  // then the state has the model's own dtype
    CHECK(config(by_interval).linear_state == Bytes(48 * (48 * 128 * 128 * 2 + 61440)));
    CHECK(config(by_interval).linear_state_dtype == Dtype::bf16);
  }

  TEST_CASE("rope scaling has one text, however it is written") {
    const auto rope = [](const std::string& text) {
      std::string whole = llama().dump();
      whole.insert(1, "\"rope_scaling\":" + text + ",");
      return model_from_config(whole, "x.json")->rope_scaling;
    };
    CHECK(rope("null").empty());
    CHECK(rope("{\"factor\": 8.0,  \"rope_type\":\"llama3\"}") == rope("{\"rope_type\":\"llama3\",\"factor\":8.0}"));
    CHECK(rope("{\"factor\":8.0}") != rope("{\"factor\":4.0}"));
    CHECK(rope("{\"f\":\"" + std::string(5000, 'x') + "\"}").size() < 40);
  }

  TEST_CASE("what is missing, absurd or of the wrong kind is named with its file") {
    const auto about = [](const json& more) { return complaint(with(llama(), more).dump()); };
    for (const char* field :
         {"num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size", "intermediate_size"}) {
      CAPTURE(field);
      json without = llama();
      without.erase(field);
      CHECK(complaint(without.dump()) == "bad.json: " + std::string(field) + " is missing");
      for (const json& wrong : {json(-1), json(0), json(1.5), json(1e300), json("4096"), json::array()}) {
        CAPTURE(wrong.dump());
        CHECK(about({{field, wrong}}).find("bad.json: " + std::string(field) + " is ") == 0);
      }
    }
    CHECK(about({{"num_key_value_heads", 5}}).find("does not divide the 32 heads") != std::string::npos);
    CHECK(about({{"hidden_size", 4097}}).find("head_dim is missing") != std::string::npos);
    CHECK(about({{"layer_types", {"full_attention"}}}).find("one entry for each of the 32 layers") !=
          std::string::npos);
    CHECK(about({{"layer_types", layer_types(32, {"mamba"})}}).find("does not know") != std::string::npos);
    CHECK(about({{"layer_types", layer_types(32, {"sliding_attention"})}}).find("sliding_window is missing") !=
          std::string::npos);
    CHECK(about({{"num_experts", 4}, {"num_experts_per_tok", 5}}).find("more than the 4 experts") != std::string::npos);
    CHECK(about({{"use_sliding_window", 1}, {"sliding_window", 9}}).find("true or false") != std::string::npos);
    CHECK(about({{"kv_lora_rank", 512}}).find("qk_rope_head_dim is missing") != std::string::npos);
    CHECK(about({{"hybrid_override_pattern", "M-M*"}}).find("cannot size") != std::string::npos);
    // Zero layers that share KV is what a plain model says.
    CHECK(config(with(llama(), {{"num_kv_shared_layers", 0}})).layers == 32);
  }

  TEST_CASE("garbage is an error, not a crash") {
    CHECK(complaint("").find("parse error") != std::string::npos);
    CHECK(complaint("[1,2]").find("not a JSON object") != std::string::npos);
    CHECK(complaint("{\"hidden_size\": NaN}").find("parse error") != std::string::npos);
    CHECK(complaint("{\"hidden_size\": 1e999}").find("number overflow") != std::string::npos);
    CHECK(complaint("{\"a\":\"\xff\"}").find("UTF-8") != std::string::npos);
    CHECK(complaint(std::string(500000, '[')).size() < 400);
    CHECK(
        complaint("{\"rope_scaling\":" + std::string(1000, '[') + std::string(1000, ']') + "}").find("nested deeper") !=
        std::string::npos);
  }

  TEST_CASE("files: read, missing, a directory, too large") {
    const std::filesystem::path dir =
        std::filesystem::temp_directory_path() / ("kvkit-model-" + std::to_string(getpid()));
    std::filesystem::create_directories(dir / "dir.json");
    std::ofstream(dir / "good.json") << llama().dump();
    std::ofstream(dir / "huge.json") << std::string(2 << 20, ' ');
    std::ofstream(dir / "empty.json");
    CHECK(find_model((dir / "good.json").string())->name == "good");
    for (const char* bad : {"dir.json", "huge.json", "absent.json", "empty.json"}) {
      CAPTURE(bad);
      const Result<Model> model = find_model((dir / bad).string());
      REQUIRE_FALSE(model.has_value());
      CHECK(model.error().message.find(bad) != std::string::npos);
      CHECK_FALSE(model.error().hint.empty());
    }
    std::filesystem::remove_all(dir);
  }
}
