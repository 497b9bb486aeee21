// Hugging Face config.json -> Model. What is read and why: docs/models.md.
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <filesystem>

#include "model/config_fields.hpp"
#include "model/config_text.hpp"
#include "model/model.hpp"
#include "model/weights.hpp"

namespace kv {
namespace {

using nlohmann::json;

// Bounds far above any published model, so that no product of fields overflows 64 bits.
constexpr std::uint64_t kMaxLayers = 4096, kMaxHidden = 1 << 20, kMaxHeads = 1 << 14, kMaxHeadDim = 1 << 14;
constexpr std::uint64_t kMaxWidth = 1 << 24, kMaxExperts = 1 << 16, kMaxWindow = 1U << 31;
constexpr std::size_t kMaxRopeText = 1000;

// Fields of models whose KV is not sized here. Better no figure than a wrong one.
struct Unsupported {
  const char* field;
  const char* why;
};
constexpr Unsupported kUnsupported[] = {
    {"hybrid_override_pattern", "state-space layers"},  {"layers_block_type", "state-space layers"},
    {"attn_layer_period", "state-space layers"},        {"mamba_d_state", "state-space layers"},
    {"num_kv_shared_layers", "layers that share KV"},   {"global_head_dim", "head sizes that differ by layer"},
    {"index_topk", "sparse attention with index keys"}, {"cross_attention_layers", "cross-attention layers"},
    {"block_configs", "layers that differ one by one"}, {"linear_attn_config", "linear attention of its own kind"},
};

std::uint32_t narrow(std::uint64_t bounded) { return static_cast<std::uint32_t>(bounded); }

std::uint64_t count_types(ConfigFields& fields, const json& types, const char* name, std::string_view type) {
  std::uint64_t found = 0;
  for (const json& entry : types) {
    if (!entry.is_string()) fields.fail(name, "must be an array of texts");
    found += entry.is_string() && entry.get_ref<const std::string&>() == type;
  }
  return found;
}

struct LayerMix {
  std::uint64_t sliding = 0, linear = 0;
  bool chunked = false;
};

/// MiniMax-01 lists its layers as 1, attention, and 0, lightning attention: a state that is not sized here.
void refuse_lightning(ConfigFields& fields) {
  const json* types = fields.find({"attn_type_list"});
  if (types == nullptr) return;
  const bool all_attention =
      types->is_array() && std::all_of(types->begin(), types->end(), [](const json& type) { return type == 1; });
  if (!all_attention) fields.fail("attn_type_list", "has layers other than 1, attention, which kvkit cannot size");
}

/// From the explicit list of layers.
LayerMix mix_from_types(ConfigFields& fields, const json& types, std::uint64_t layers) {
  constexpr const char* name = "layer_types";
  if (!types.is_array() || types.size() != layers) {
    fields.fail(name, fmt::format("must be an array with one entry for each of the {} layers", layers));
    return {};
  }
  LayerMix mix;
  const std::uint64_t chunked = count_types(fields, types, name, "chunked_attention");
  mix.sliding = count_types(fields, types, name, "sliding_attention") + chunked;
  mix.linear = count_types(fields, types, name, "linear_attention");
  mix.chunked = chunked > 0;
  if (count_types(fields, types, name, "full_attention") + mix.sliding + mix.linear != layers) {
    fields.fail(name, "has an entry that kvkit does not know",
                "known: full_attention, sliding_attention, chunked_attention, linear_attention");
  }
  return mix;
}

/// Llama 4: layers with rotary positions attend within chunks, those without to everything. `no_rope_layers` marks the
/// former with 1; where it is empty every no_rope_layer_interval-th layer, or every fourth, is one without.
LayerMix mix_from_chunks(ConfigFields& fields, const std::string& type, std::uint64_t layers) {
  const json* rotary = fields.find({"no_rope_layers"});
  if (rotary != nullptr && rotary->is_array() && !rotary->empty()) {
    if (rotary->size() != layers) fields.fail("no_rope_layers", fmt::format("must have {} entries or none", layers));
    const auto full = static_cast<std::uint64_t>(std::count(rotary->begin(), rotary->end(), json(0)));
    return {layers - std::min(full, layers), 0, true};
  }
  if (!type.starts_with("llama4")) {
    fields.fail("attention_chunk_size", "needs layer_types or no_rope_layers to say which layers it is for");
  }
  return {layers - layers / fields.count({"no_rope_layer_interval"}, kMaxLayers, 4), 0, true};
}

/// From the fields that older configs have instead, with the defaults of their model types.
LayerMix mix_from_rules(ConfigFields& fields, const std::string& type, std::uint64_t layers) {
  if (fields.has("full_attention_interval")) {
    return {0, layers - layers / fields.count({"full_attention_interval"}, kMaxLayers), false};
  }
  if (fields.has("attention_chunk_size")) return mix_from_chunks(fields, type, layers);
  const bool qwen = type.starts_with("qwen");
  if (!fields.has("sliding_window") || !fields.flag("use_sliding_window", !qwen)) return {};
  const std::uint64_t preset = type.starts_with("gemma3") ? 6 : type == "gemma2" || type == "gpt_oss" ? 2 : 0;
  const std::uint64_t pattern =
      fields.count_or_zero({"sliding_window_pattern", "_sliding_window_pattern"}, kMaxLayers, preset);
  if (pattern != 0) return {layers - layers / pattern, 0, false};
  // Qwen: the first max_window_layers, by default 28, attend to everything, the others slide.
  const std::uint64_t full = qwen ? fields.count_or_zero({"max_window_layers"}, kMaxLayers, 28) : 0;
  return {layers - std::min(full, layers), 0, false};
}

void read_layers(ConfigFields& fields, const std::string& type, Model& model) {
  const json* types = fields.find({"layer_types"});
  const LayerMix mix =
      types != nullptr ? mix_from_types(fields, *types, model.layers) : mix_from_rules(fields, type, model.layers);
  refuse_lightning(fields);
  model.sliding_layers = narrow(mix.sliding);
  model.linear_layers = narrow(mix.linear);
  if (mix.sliding > 0) {
    model.window = narrow(mix.chunked ? fields.count({"attention_chunk_size", "sliding_window"}, kMaxWindow)
                                      : fields.count({"sliding_window"}, kMaxWindow));
  }
}

void read_heads(ConfigFields& fields, Model& model) {
  model.heads = narrow(fields.count({"num_attention_heads"}, kMaxHeads));
  model.kv_heads = narrow(fields.count({"num_key_value_heads"}, kMaxHeads, model.heads));
  if (model.heads % model.kv_heads != 0) {
    fields.fail("num_key_value_heads",
                fmt::format("is {}, which does not divide the {} heads", model.kv_heads, model.heads));
  }
  if (fields.has("kv_lora_rank")) {
    model.mla =
        Mla{narrow(fields.count({"kv_lora_rank"}, kMaxHidden)), narrow(fields.count({"qk_rope_head_dim"}, kMaxHeadDim)),
            narrow(fields.count({"qk_nope_head_dim"}, kMaxHeadDim, 128)),
            narrow(fields.count({"v_head_dim"}, kMaxHeadDim, 128))};
    model.head_dim = model.mla->v_dim;
    return;
  }
  const bool whole = model.hidden % model.heads == 0;
  if (!fields.has("head_dim") && !whole) {
    fields.fail("head_dim", fmt::format("is missing, and hidden_size {} is no multiple of the {} heads", model.hidden,
                                        model.heads));
  }
  model.head_dim = narrow(fields.count({"head_dim"}, kMaxHeadDim, std::max(1U, model.hidden / model.heads)));
}

/// One recurrent matrix of key dim x value dim a value head, and the last inputs of the convolution over the
/// channels of q, k and v in front of it, in bf16 (Yang et al., Gated Delta Networks, 2024).
void read_linear(ConfigFields& fields, Model& model, WeightShapes& weights) {
  if (model.linear_layers == 0) return;
  const std::uint64_t key_heads = fields.count({"linear_num_key_heads"}, kMaxHeads);
  const std::uint64_t value_heads = fields.count({"linear_num_value_heads"}, kMaxHeads);
  const std::uint64_t key_dim = fields.count({"linear_key_head_dim"}, kMaxHeadDim);
  const std::uint64_t value_dim = fields.count({"linear_value_head_dim"}, kMaxHeadDim);
  const std::uint64_t kernel = fields.count({"linear_conv_kernel_dim"}, 64, 4);
  const std::string dtype = fields.text("mamba_ssm_dtype");
  if (!dtype.empty() && dtype != "float32" && dtype != "bfloat16" && dtype != "float16") {
    fields.fail("mamba_ssm_dtype", "must be float32, bfloat16 or float16");
  }
  model.linear_state_dtype = dtype == "float32" ? Dtype::fp32 : dtype == "float16" ? Dtype::fp16 : Dtype::bf16;
  weights.linear_key_dim = key_heads * key_dim;
  weights.linear_value_dim = value_heads * value_dim;
  weights.linear_value_heads = value_heads;
  model.linear_heads = narrow(key_heads);
  const std::uint64_t channels = 2 * weights.linear_key_dim + weights.linear_value_dim;
  const std::uint64_t recurrent = value_heads * key_dim * value_dim * dtype_bytes(model.linear_state_dtype);
  model.linear_state = Bytes(model.linear_layers * (recurrent + (kernel - 1) * channels * 2));
}

/// Experts under names that are not read would be counted as none.
void refuse_other_experts(ConfigFields& fields) {
  const std::string name = fields.name_if([](const std::string& key, const json& value) {
    return key.find("expert") != std::string::npos && value.is_number() && value > 1;
  });
  if (!name.empty()) fields.fail(name.c_str(), "means experts, but not by a name that kvkit reads their number from");
}

/// Mixture of experts, under the names that Mixtral, Qwen, DeepSeek and gpt-oss give the fields.
void read_experts(ConfigFields& fields, std::uint64_t layers, WeightShapes& weights) {
  weights.experts = fields.count_or_zero({"num_experts", "num_local_experts", "n_routed_experts"}, kMaxExperts);
  weights.dense_layers = layers;
  if (weights.experts == 0) return refuse_other_experts(fields);
  weights.experts_per_token = fields.count({"num_experts_per_tok", "experts_per_token"}, kMaxExperts);
  if (weights.experts_per_token > weights.experts) {
    fields.fail("num_experts_per_tok", fmt::format("is more than the {} experts", weights.experts));
  }
  weights.expert_intermediate = fields.count({"moe_intermediate_size", "intermediate_size"}, kMaxWidth);
  weights.shared_intermediate = fields.count_or_zero({"n_shared_experts"}, kMaxExperts) * weights.expert_intermediate +
                                fields.count_or_zero({"shared_expert_intermediate_size"}, kMaxWidth);
  const json* dense = fields.find({"mlp_only_layers"});
  weights.dense_layers = std::min(
      layers,
      fields.count_or_zero({"first_k_dense_replace"}, kMaxLayers) +
          (dense != nullptr && dense->is_array() ? dense->size() : 0) + layers -
          layers / fields.count({"decoder_sparse_step", "moe_layer_freq", "interleave_moe_layer_step"}, kMaxLayers, 1));
}

void read_weights(ConfigFields& fields, const std::string& type, const Model& model, WeightShapes& weights) {
  const bool gemma = type.starts_with("gemma");
  // Gemma 3's configs leave its vocabulary to the library's default.
  weights.vocab = fields.count({"vocab_size"}, kMaxWidth, gemma ? std::optional<std::uint64_t>(262208) : std::nullopt);
  weights.tied_embeddings = fields.flag("tie_word_embeddings", gemma);
  weights.q_lora_rank = fields.count_or_zero({"q_lora_rank"}, kMaxHidden);
  weights.output_gate = fields.flag("attn_output_gate", false);
  read_experts(fields, model.layers, weights);
  // Llama 4: one expert more that every token uses, and dense layers of a width of their own.
  if (type.starts_with("llama4")) weights.shared_intermediate = weights.expert_intermediate;
  const char* width = fields.has("intermediate_size_mlp") ? "intermediate_size_mlp" : "intermediate_size";
  if (weights.dense_layers > 0) weights.intermediate = fields.count({width}, kMaxWidth);
}

/// Sorted keys and no spaces, so that equal parameters give equal text.
std::string rope_text(const ConfigFields& fields) {
  const json* rope = fields.find({"rope_scaling", "rope_parameters"});
  if (rope == nullptr) return {};
  std::string text = rope->dump();
  if (text.size() > kMaxRopeText) text = fmt::format("xxh3:{:016x}", XXH3_64bits(text.data(), text.size()));
  return text;
}

std::string name_from(const std::string& file) {
  const std::filesystem::path path(file);
  const std::string stem = path.stem().string(), directory = path.parent_path().filename().string();
  return (stem == "config" && !directory.empty() ? directory : stem).substr(0, 200);
}

}  // namespace

Result<Model> model_from_config(std::string_view text, const std::string& file) {
  const Result<json> whole = parse_config(text, file);
  if (!whole) return error(whole);
  // Models that also see or hear keep their language model's fields one level down.
  const auto nested = whole->find("text_config");
  const bool is_nested = nested != whole->end() && nested->is_object();
  ConfigFields fields(is_nested ? *nested : *whole, *whole, file);
  for (const Unsupported& row : kUnsupported) {
    const json* value = fields.find({row.field});
    if (value != nullptr && *value != 0)
      fields.fail(row.field, fmt::format("means {}, which kvkit cannot size", row.why));
  }

  Model model;
  WeightShapes weights;
  model.name = name_from(file);
  model.revision = fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
  model.source = file;
  const std::string type = fields.text("model_type");
  model.layers = narrow(fields.count({"num_hidden_layers"}, kMaxLayers));
  model.hidden = narrow(fields.count({"hidden_size"}, kMaxHidden));
  read_heads(fields, model);
  read_layers(fields, type, model);
  read_linear(fields, model, weights);
  read_weights(fields, type, model, weights);
  model.rope_scaling = rope_text(fields);
  if (fields.failed()) return tl::unexpected<Error>(*fields.failed());

  const ParamCount params = count_params(model, weights);
  model.params = params.total;
  model.active_params = params.active;
  return model;
}

}  // namespace kv
