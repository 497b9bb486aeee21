#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/dtype.hpp"
#include "model/model.hpp"
#include "prefill/weight_dtype.hpp"

namespace kv {

enum class Provenance { modelled, measured, quoted };
std::string_view provenance_name(Provenance provenance);

/// What a time may be, as factors of what cost() says: low <= 1 <= high.
struct PrefillMargin {
  double low = 1, high = 1;
  std::string method;  ///< "spread of cited utilisations"
};

/// What a source has data for: beyond it, cost() extrapolates.
struct PrefillRange {
  Tokens prompt;  ///< cached + fresh
  Tokens cached;
};

/// What recomputation costs. Implementations are immutable: any number of threads may call.
class Prefill {
 public:
  virtual ~Prefill() = default;
  /// Time to compute `fresh` tokens that follow `cached` ones whose KV is already there; fresh >= 1.
  virtual Duration cost(Tokens cached, Tokens fresh) const = 0;
  virtual Provenance provenance() const = 0;
  /// Where the work is done or assumed: "h100 x1, modelled at 45 % of peak", "cpu".
  virtual std::string device() const = 0;
  /// Share of the peak that a model assumes; nullopt: not a model.
  virtual std::optional<double> utilisation() const { return std::nullopt; }
  /// nullopt: not known. A measured time has none.
  virtual std::optional<PrefillMargin> margin() const { return std::nullopt; }
  /// nullopt: no bound.
  virtual std::optional<PrefillRange> range() const { return std::nullopt; }
  /// What a reader of any figure must know of this source, in sentences.
  virtual std::vector<std::string> cautions() const { return {}; }
};

struct PrefillConfig {
  Model model;
  Gpu gpu;
  std::uint32_t tp = 0;    ///< 0: the smallest_tp()
  std::uint32_t pp = 1;    ///< pipeline stages of tp GPUs each
  double utilisation = 0;  ///< of the peak; 0: the catalogue's figure for this GPU
  WeightDtype weight_dtype = WeightDtype::bf16;
  Dtype kv_dtype = Dtype::bf16;
  std::string argument{};  ///< what stands behind the source's name: "FILE" of "profile:FILE"
};

struct PrefillRow {
  std::string name;
  std::string argument;  ///< what must stand behind "name:", as help calls it; empty: nothing may
  std::string summary;
  Result<std::unique_ptr<Prefill>> (*make)(const PrefillConfig& config);
};
std::span<const PrefillRow> prefills();
/// The row of which nothing can be asked in advance: `kvbench run` has an engine of lib/engine instead.
inline constexpr std::string_view kMeasuredPrefill = "measured";
/// SPEC is a row's name, with ":argument" where the row wants one; it replaces config.argument. Fails (bad_input) for
/// an unknown name, suggesting the nearest.
Result<std::unique_ptr<Prefill>> make_prefill(const std::string& spec, PrefillConfig config);

/// The smallest power of two of ranks a stage, so that all tp x pp GPUs' 0.9 x memory holds the weights and the
/// activations; fails (bad_input) beyond 64.
Result<std::uint32_t> smallest_tp(const Model& model, const Gpu& gpu, std::uint32_t pp = 1,
                                  WeightDtype weights = WeightDtype::bf16);
/// Fails (bad_input), naming the smallest_tp(), if tp x pp GPUs do not hold them.
Result<void> check_memory(const Model& model, const Gpu& gpu, std::uint32_t tp, std::uint32_t pp,
                          WeightDtype weights = WeightDtype::bf16);
/// HBM left for the engine's own prefix cache over all `gpus` of an engine: memory x 0.9 - weights - activations.
Bytes engine_cache_bytes(const Model& model, const Gpu& gpu, std::uint32_t gpus,
                         WeightDtype weights = WeightDtype::bf16);
/// Host-to-device copy of `bytes` in all over an engine's GPUs, of all its stages at once, each with its own PCIe link
/// at the catalogue's rate.
Duration modelled_upload(const Gpu& gpu, std::uint32_t gpus, Bytes bytes);

}  // namespace kv
