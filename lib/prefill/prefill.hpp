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
  std::uint32_t tp = 0;    ///< 0: the smallest power of two whose memory holds the weights
  double utilisation = 0;  ///< of bf16 peak; 0: the catalogue's figure for this GPU
};

struct PrefillRow {
  std::string name, summary;
  Result<std::unique_ptr<Prefill>> (*make)(const PrefillConfig& config);
};
std::span<const PrefillRow> prefills();

/// Smallest power of two of GPUs whose 0.9 x memory holds the bf16 weights and the activations; fails (bad_input)
/// beyond 64.
Result<std::uint32_t> smallest_tp(const Model& model, const Gpu& gpu);
/// HBM left for the engine's own prefix cache over `tp` GPUs: memory x 0.9 - weights - activations.
Bytes engine_cache_bytes(const Model& model, const Gpu& gpu, std::uint32_t tp);
/// Host-to-device copy of `bytes` in all over tp GPUs, each with its own PCIe link at the catalogue's rate.
Duration modelled_upload(const Gpu& gpu, std::uint32_t tp, Bytes bytes);

}  // namespace kv
