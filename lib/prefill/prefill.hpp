#pragma once
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"
#include "model/model.hpp"

namespace kv {

enum class Provenance { modelled, measured, quoted };
std::string_view provenance_name(Provenance provenance);

/// What recomputation costs. Implementations are immutable: any number of threads may call.
class Prefill {
 public:
  virtual ~Prefill() = default;
  /// Time to compute `fresh` tokens that follow `cached` ones whose KV is already there; fresh >= 1.
  virtual Duration cost(Tokens cached, Tokens fresh) const = 0;
  virtual Provenance provenance() const = 0;
  /// Where the work is done or assumed: "h100 x1, modelled at 45 % of peak", "cpu".
  virtual std::string device() const = 0;
};

struct PrefillConfig {
  Model model;
  Gpu gpu;
  std::uint32_t tp = 0;    ///< 0: the smallest_tp()
  std::uint32_t pp = 1;    ///< pipeline stages of tp GPUs each
  double utilisation = 0;  ///< of bf16 peak; 0: the catalogue's figure for this GPU
};

struct PrefillRow {
  std::string name, summary;
  Result<std::unique_ptr<Prefill>> (*make)(const PrefillConfig& config);
};
std::span<const PrefillRow> prefills();

/// The smallest power of two of ranks a stage, so that all tp x pp GPUs' 0.9 x memory holds the bf16 weights and the
/// activations; fails (bad_input) beyond 64.
Result<std::uint32_t> smallest_tp(const Model& model, const Gpu& gpu, std::uint32_t pp = 1);
/// Fails (bad_input), naming the smallest_tp(), if tp x pp GPUs do not hold them.
Result<void> check_memory(const Model& model, const Gpu& gpu, std::uint32_t tp, std::uint32_t pp);
/// HBM left for the engine's own prefix cache over all `gpus` of an engine: memory x 0.9 - weights - activations.
Bytes engine_cache_bytes(const Model& model, const Gpu& gpu, std::uint32_t gpus);
/// Host-to-device copy of `bytes` in all over an engine's GPUs, of all its stages at once, each with its own PCIe link
/// at the catalogue's rate.
Duration modelled_upload(const Gpu& gpu, std::uint32_t gpus, Bytes bytes);

}  // namespace kv
