#include "model/decoder_shape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "model/config_fields.hpp"
#include "model/config_text.hpp"

namespace kv {
namespace {

using nlohmann::json;

constexpr const char* kSource =
    "docs/measured.md says what the measured engine runs; --prefill modelled takes every model";
constexpr RopeScaling kLlama31{8192, 8, 1, 4};

struct Row {
  const char* name;
  std::uint32_t vocab, intermediate, experts, experts_per_token;
  bool tied_head, qkv_bias, qk_norm;
  double rope_theta;
  std::optional<RopeScaling> rope_scaling;
};

// From memory of the public configs; a test holds each against the catalogue's count of parameters.
// clang-format off
const Row kRows[] = {
    // name             vocab  intermediate experts  tied   bias   qk norm  theta
    {"llama-3.1-8b",    128256, 14336,   0, 0,  false, false, false,   500000, kLlama31},
    {"llama-3.1-70b",   128256, 28672,   0, 0,  false, false, false,   500000, kLlama31},
    {"llama-3.1-405b",  128256, 53248,   0, 0,  false, false, false,   500000, kLlama31},
    {"llama-2-7b",       32000, 11008,   0, 0,  false, false, false,    10000, {}},
    {"llama-2-70b",      32000, 28672,   0, 0,  false, false, false,    10000, {}},
    {"qwen2.5-7b",      152064, 18944,   0, 0,  false, true,  false,  1000000, {}},
    {"qwen2.5-32b",     152064, 27648,   0, 0,  false, true,  false,  1000000, {}},
    {"qwen2.5-72b",     152064, 29568,   0, 0,  false, true,  false,  1000000, {}},
    {"qwen3-8b",        151936, 12288,   0, 0,  false, false, true,   1000000, {}},
    {"qwen3-32b",       151936, 25600,   0, 0,  false, false, true,   1000000, {}},
    {"qwen3-30b-a3b",   151936,   768, 128, 8,  false, false, true,   1000000, {}},
    {"qwen3-235b-a22b", 151936,  1536, 128, 8,  false, false, true,   1000000, {}},
    {"mistral-7b",       32768, 14336,   0, 0,  false, false, false,  1000000, {}},
    {"mistral-nemo-12b",131072, 14336,   0, 0,  false, false, false,  1000000, {}},
    {"mixtral-8x7b",     32000, 14336,   8, 2,  false, false, false,  1000000, {}},
    {"mixtral-8x22b",    32768, 16384,   8, 2,  false, false, false,  1000000, {}},
    {"small",            49152,  1536,   0, 0,  true,  false, false,    10000, {}},
    {"tiny",             32000,   768,   0, 0,  true,  false, false,    10000, {}},
};
// clang-format on

tl::unexpected<Error> refused(const std::string& whose, const std::string& what) {
  return error(Code::bad_input, fmt::format("{}: the measured engine does not run {}", whose, what), kSource);
}

Result<void> check_attention(const Model& model, const std::string& whose) {
  if (model.mla) return refused(whose, "latent attention (MLA)");
  if (model.linear_layers != 0) return refused(whose, "linear attention layers");
  if (model.sliding_layers != 0) return refused(whose, "sliding-window layers");
  if (model.head_dim % 2 != 0) return refused(whose, fmt::format("heads of {} channels", model.head_dim));
  return {};
}

bool is_one_of(const std::string& type, std::initializer_list<const char*> names) {
  return std::find(names.begin(), names.end(), type) != names.end();
}

/// A number at a field of an object, within what a float can hold.
double number(ConfigFields& fields, const json& object, const char* name, double absent) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return absent;
  if (!found->is_number() || !(*found > 0) || !(*found < 1e12)) {
    fields.fail(name, "must be a number above 0");
    return absent;
  }
  return found->get<double>();
}

/// transformers 5 keeps theta and scaling in rope_parameters, older ones in rope_theta and rope_scaling.
void read_rope(ConfigFields& fields, const json& config, DecoderShape& shape) {
  shape.rope_theta = number(fields, config, "rope_theta", shape.rope_theta);
  const json* rope = fields.find({"rope_parameters", "rope_scaling"});
  if (rope == nullptr) return;
  const char* where = fields.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (!rope->is_object()) return fields.fail(where, "must be an object");
  shape.rope_theta = number(fields, *rope, "rope_theta", shape.rope_theta);
  std::string type = "default";
  for (const char* name : {"type", "rope_type"}) {
    const auto found = rope->find(name);
    if (found != rope->end() && found->is_string()) type = found->get<std::string>();
  }
  if (type == "default") return;
  if (type != "llama3") {
    return fields.fail(where, fmt::format("is of the type '{}', which the measured engine does not run", type),
                       kSource);
  }
  RopeScaling scaling;
  scaling.factor = number(fields, *rope, "factor", 8);
  scaling.low = number(fields, *rope, "low_freq_factor", 1);
  scaling.high = number(fields, *rope, "high_freq_factor", 4);
  const double original = number(fields, *rope, "original_max_position_embeddings", 8192);
  if (scaling.high <= scaling.low || original > 1e9) return fields.fail(where, "has bounds that cannot be");
  scaling.original = static_cast<std::uint32_t>(original);
  shape.rope_scaling = scaling;
}

std::uint32_t narrow(std::uint64_t bounded) { return static_cast<std::uint32_t>(bounded); }

/// Mixtral's layers are all mixtures, of which the best experts' shares add up to 1; Qwen's may be otherwise.
void refuse_unlike_mixture(ConfigFields& fields, const std::string& type) {
  if (type != "qwen3_moe") return;
  if (!fields.flag("norm_topk_prob", false)) {
    fields.fail("norm_topk_prob", "is not true: shares of experts that do not add up to 1 are not run", kSource);
  }
  if (fields.count_or_zero({"decoder_sparse_step"}, 1U << 16, 1) != 1) {
    fields.fail("decoder_sparse_step", "is not 1: dense layers between mixtures are not run", kSource);
  }
  const json* dense = fields.find({"mlp_only_layers"});
  if (dense != nullptr && !(dense->is_array() && dense->empty())) {
    fields.fail("mlp_only_layers", "is not empty: dense layers between mixtures are not run", kSource);
  }
}

void refuse_unlike(ConfigFields& fields, const json& config) {
  const std::string activation = fields.text("hidden_act");
  if (!activation.empty() && activation != "silu") {
    fields.fail("hidden_act", fmt::format("is '{}'; the measured engine knows silu", activation), kSource);
  }
  if (fields.flag("mlp_bias", false)) fields.fail("mlp_bias", "is not known to the measured engine", kSource);
  if (number(fields, config, "partial_rotary_factor", 1) != 1) {
    fields.fail("partial_rotary_factor", "is not 1, all that the measured engine knows", kSource);
  }
  if (fields.count_or_zero({"n_shared_experts", "shared_expert_intermediate_size", "first_k_dense_replace"},
                           1U << 24) != 0) {
    fields.fail("n_shared_experts", "means experts that the measured engine does not run", kSource);
  }
}

}  // namespace

Result<DecoderShape> decoder_shape_from_config(std::string_view text, const std::string& file, const Model& model) {
  if (auto ok = check_attention(model, file); !ok) return error(ok);
  const Result<json> whole = parse_config(text, file);
  if (!whole) return error(whole);
  const auto nested = whole->find("text_config");
  const json& config = nested != whole->end() && nested->is_object() ? *nested : *whole;
  ConfigFields fields(config, *whole, file);
  const std::string type = fields.text("model_type");
  if (!is_one_of(type, {"llama", "mistral", "qwen2", "qwen3", "mixtral", "qwen3_moe"})) {
    fields.fail(
        "model_type",
        fmt::format("is '{}'; the measured engine runs llama, mistral, qwen2, qwen3, mixtral and qwen3_moe", type),
        kSource);
  }
  DecoderShape shape;
  shape.vocab = narrow(fields.count({"vocab_size"}, 1U << 24));
  shape.experts = narrow(fields.count_or_zero({"num_experts", "num_local_experts"}, 1U << 16));
  if (shape.experts != 0) {
    shape.experts_per_token = narrow(fields.count({"num_experts_per_tok"}, shape.experts));
    shape.intermediate = narrow(fields.count({"moe_intermediate_size", "intermediate_size"}, 1U << 24));
  } else {
    shape.intermediate = narrow(fields.count({"intermediate_size"}, 1U << 24));
  }
  shape.tied_head = fields.flag("tie_word_embeddings", false);
  shape.qkv_bias = fields.flag("attention_bias", type == "qwen2");
  shape.qk_norm = type.starts_with("qwen3");
  shape.rms_eps = number(fields, config, "rms_norm_eps", 1e-6);
  read_rope(fields, config, shape);
  refuse_unlike(fields, config);
  refuse_unlike_mixture(fields, type);
  if (fields.failed()) return tl::unexpected<Error>(*fields.failed());
  return shape;
}

Result<DecoderShape> find_decoder_shape(const std::string& name_or_path) {
  const auto model = find_model(name_or_path);
  if (!model) return error(model);
  if (name_or_path.ends_with(".json")) {
    const auto text = read_config(name_or_path);
    if (!text) return error(text);
    return decoder_shape_from_config(*text, name_or_path, *model);
  }
  if (auto ok = check_attention(*model, model->name); !ok) return error(ok);
  for (const Row& row : kRows) {
    if (model->name != row.name) continue;
    // Qwen's eps is 1e-6, of the others' 1e-5; a shape's cost does not depend on it.
    const double eps = row.qkv_bias || row.qk_norm ? 1e-6 : 1e-5;
    return DecoderShape{row.vocab,   row.intermediate, row.experts, row.experts_per_token, row.tied_head, row.qkv_bias,
                        row.qk_norm, row.rope_theta,   eps,         row.rope_scaling};
  }
  return refused(model->name, "this model: its vocabulary and widths are not in the catalogue");
}

double decoder_params(const Model& m, const DecoderShape& s) {
  const double hidden = m.hidden, queries = double(m.heads) * m.head_dim, keys = double(m.kv_heads) * m.head_dim;
  const double attention = hidden * (2 * queries + 2 * keys) + (s.qkv_bias ? queries + 2 * keys : 0);
  const double norms = 2 * hidden + (s.qk_norm ? 2.0 * m.head_dim : 0);
  const double network = 3 * hidden * s.intermediate * std::max(s.experts, 1U) + hidden * s.experts;
  return m.layers * (attention + norms + network) + hidden + hidden * s.vocab * (s.tied_head ? 1 : 2);
}

}  // namespace kv
