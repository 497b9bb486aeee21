#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "model/dtype.hpp"

namespace kv {

/// Multi-head latent attention (DeepSeek-V2 2024): one latent of rank + rope elements per token and layer, no heads.
struct Mla {
  std::uint32_t kv_lora_rank = 0, rope_dim = 0;  ///< what is cached
  std::uint32_t qk_nope_dim = 0, v_dim = 0;      ///< per head, when computing: scores take nope + rope, values v
};

/// A transformer as far as its KV cache and its prefill cost need it.
struct Model {
  std::string name, revision;
  double params = 0, active_params = 0;  ///< weights; those that one token uses (mixture of experts)
  std::uint32_t layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_dim = 0;
  std::optional<Mla> mla;
  std::uint32_t sliding_layers = 0;  ///< of `layers`: attend to the last `window` tokens only
  std::uint32_t window = 0;
  std::uint32_t linear_layers = 0;  ///< of `layers`: constant state instead of KV
  Bytes linear_state{};             ///< of all linear layers together, at one point of the sequence
  Dtype linear_state_dtype = Dtype::fp32;
  std::uint32_t linear_heads = 0;  ///< over which tensor parallelism splits the state
  std::string rope_scaling;        ///< canonical text of the scaling parameters; part of the key's fingerprint
  std::string source;              ///< where the figures were read, with date; "unverified" where from memory

  std::uint32_t full_layers() const { return layers - sliding_layers - linear_layers; }
};

/// The catalogue's rows, in the order in which they are listed. Static data.
std::span<const Model> models();
/// A catalogue name, optionally NAME@REVISION, or the path of a Hugging Face config.json (told by its ending .json).
Result<Model> find_model(const std::string& name_or_path);
/// Reads the text of a Hugging Face config.json; `file` stands in messages. The model is named after the file (after
/// its directory, where the file is called config.json) and its revision is a hash of the text. docs/models.md says
/// which fields are read and how parameters are counted.
Result<Model> model_from_config(std::string_view json, const std::string& file);

/// Peak figures of one GPU: dense, per direction.
struct Gpu {
  std::string name;
  double bf16_flops = 0;                                   ///< per second
  std::optional<double> fp8_flops, int8_flops, fp4_flops;  ///< of matrix units that have such a mode
  Bytes memory;
  double hbm_bytes_per_s = 0, pcie_bytes_per_s = 0;
  std::optional<double> nvlink_bytes_per_s;
  double prefill_utilisation = 0;                    ///< share of the peak reached in prefill
  double utilisation_low = 0, utilisation_high = 0;  ///< what is said of it by different sources: the margin
  bool utilisation_measured = false;                 ///< false: taken over from a similar GPU; the output says so
  std::string source;
};
std::span<const Gpu> gpus();
/// By name; case does not matter.
Result<Gpu> find_gpu(const std::string& name);

}  // namespace kv
