#include "prefill/modelled.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kv {
namespace {

constexpr double kWeightBytes = 2;  // bf16
constexpr double kHbmEfficiency = 0.8;
constexpr double kMemoryShare = 0.9;  // what engines take of a GPU by default
constexpr double kBatchTokens = 8192, kActivationBytesPerElement = 32;
constexpr double kStateFlops = 6;
constexpr std::uint32_t kMaxTp = 64;
constexpr double kLongest = 9e9;  // seconds that still fit a Duration: 285 years

/// Pairs of fresh tokens p = cached + 1 ... with min(p - 1/2, window) tokens in front: exact sums in closed form.
double pairs(double cached, double fresh, double window) {
  const double end = cached + fresh;
  if (end <= window) return fresh * cached + fresh * fresh / 2;
  if (cached >= window) return fresh * window;
  const double growing = window - cached;
  return growing * cached + growing * growing / 2 + (end - window) * window;
}

double as_double(Tokens tokens) { return static_cast<double>(tokens.count()); }

Duration bounded_seconds(double s) { return from_seconds(std::min(s, kLongest)); }

class ModelledPrefill final : public Prefill {
 public:
  ModelledPrefill(Model model, Gpu gpu, std::uint32_t tp, std::uint32_t pp, double utilisation)
      : model_(std::move(model)), gpu_(std::move(gpu)), tp_(tp), pp_(pp), utilisation_(utilisation) {}

  Duration cost(Tokens cached, Tokens fresh) const override {
    const double compute = prefill_flops(model_, cached, fresh).total() / (tp_ * gpu_.bf16_flops * utilisation_);
    const double memory = weight_traffic_bytes(model_, fresh) / (tp_ * gpu_.hbm_bytes_per_s * kHbmEfficiency);
    return bounded_seconds(std::max(compute, memory));
  }

  Provenance provenance() const override { return Provenance::modelled; }

  std::string device() const override {
    const std::string stages = pp_ == 1 ? "" : fmt::format(" in {} stages", pp_);
    return fmt::format("{} x{}{}, modelled at {:.3g} % of peak", gpu_.name, tp_ * pp_, stages, utilisation_ * 100);
  }

 private:
  Model model_;
  Gpu gpu_;
  std::uint32_t tp_, pp_;
  double utilisation_;
};

double needed_bytes(const Model& model) { return weight_bytes(model) + activation_bytes(model); }

/// What an engine takes of so many GPUs.
double usable_bytes(const Gpu& gpu, std::uint64_t gpus) {
  return static_cast<double>(gpus) * static_cast<double>(gpu.memory.count()) * kMemoryShare;
}

}  // namespace

PrefillFlops prefill_flops(const Model& m, Tokens cached, Tokens fresh) {
  const double c = as_double(cached), f = as_double(fresh), heads = m.heads;
  const double query = m.mla ? double(m.mla->qk_nope_dim) + double(m.mla->rope_dim) : m.head_dim;
  const double value = m.mla ? m.mla->v_dim : m.head_dim;
  const double per_pair = 2 * heads * (query + value);
  const double state = static_cast<double>(m.linear_state.count()) / dtype_bytes(m.linear_state_dtype);
  return {2 * m.active_params * f, m.full_layers() * per_pair * pairs(c, f, c + f) +
                                       m.sliding_layers * per_pair * pairs(c, f, m.window) + kStateFlops * state * f};
}

double weight_bytes(const Model& model) { return kWeightBytes * model.params; }

double weight_traffic_bytes(const Model& model, Tokens fresh) {
  const double missed = 1 - std::min(1.0, model.active_params / model.params);
  return weight_bytes(model) * (1 - std::pow(missed, as_double(fresh)));
}

double activation_bytes(const Model& model) { return kBatchTokens * model.hidden * kActivationBytesPerElement; }

Result<std::unique_ptr<Prefill>> make_modelled_prefill(const PrefillConfig& config) {
  const double utilisation = config.utilisation == 0 ? config.gpu.prefill_utilisation : config.utilisation;
  if (!(utilisation > 0 && utilisation <= 1)) {
    return error(Code::bad_input, fmt::format("a prefill utilisation of {} is not within 0 to 1", utilisation),
                 "0.45 is what an H100 reaches");
  }
  if (!(config.model.active_params > 0 && config.model.params >= config.model.active_params)) {
    return error(Code::bad_input, fmt::format("model {}: no parameter count to model prefill with", config.model.name));
  }
  std::uint32_t tp = config.tp;
  if (tp == 0) {
    const Result<std::uint32_t> smallest = smallest_tp(config.model, config.gpu, config.pp);
    if (!smallest) return error(smallest);
    tp = *smallest;
  }
  return std::make_unique<ModelledPrefill>(config.model, config.gpu, tp, config.pp, utilisation);
}

Result<std::uint32_t> smallest_tp(const Model& model, const Gpu& gpu, std::uint32_t pp) {
  for (std::uint32_t tp = 1; tp <= kMaxTp; tp *= 2) {
    if (usable_bytes(gpu, std::uint64_t{tp} * pp) >= needed_bytes(model)) return tp;
  }
  return error(Code::bad_input,
               fmt::format("{} needs {:.0f} GB for bf16 weights and activations, more than {} x {} have", model.name,
                           needed_bytes(model) / 1e9, std::uint64_t{kMaxTp} * pp, gpu.name),
               "choose a GPU with more memory: `kvbench list gpus`");
}

Result<void> check_memory(const Model& model, const Gpu& gpu, std::uint32_t tp, std::uint32_t pp) {
  const std::uint64_t gpus = std::uint64_t{tp} * pp;
  if (usable_bytes(gpu, gpus) >= needed_bytes(model)) return {};
  const Result<std::uint32_t> smallest = smallest_tp(model, gpu, pp);
  if (!smallest) return error(smallest);
  return error(
      Code::bad_input,
      fmt::format("{} needs {:.0f} GB for bf16 weights and activations, but --tp {} --pp {} on {} leave it {:.0f} "
                  "GB (0.9 of {} GPUs)",
                  model.name, needed_bytes(model) / 1e9, tp, pp, gpu.name, usable_bytes(gpu, gpus) / 1e9, gpus),
      fmt::format("the smallest that fits is --tp {}; if your weights are smaller than bf16, say what they leave "
                  "for KV with --engine-cache",
                  *smallest));
}

Bytes engine_cache_bytes(const Model& model, const Gpu& gpu, std::uint32_t gpus) {
  const double left = usable_bytes(gpu, gpus) - needed_bytes(model);
  return Bytes(left > 0 ? static_cast<std::uint64_t>(left) : 0);
}

Duration modelled_upload(const Gpu& gpu, std::uint32_t gpus, Bytes bytes) {
  return bounded_seconds(static_cast<double>(bytes.count()) / (std::max(gpus, 1U) * gpu.pcie_bytes_per_s));
}

}  // namespace kv
