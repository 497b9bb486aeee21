#include "prefill/modelled.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>

namespace kv {
namespace {

constexpr double kHbmEfficiency = 0.8, kLinkEfficiency = 0.8;
constexpr double kAllReduceLatency_s = 20e-6, kHopLatency_s = 10e-6;
constexpr double kForwardOverhead_s = 500e-6, kLayerOverhead_s = 20e-6;
// Matrices of experts see a share of the tokens each: TensorRT-LLM 0.9's Mixtral takes 2.4 times on Hopper, where dense
// models take 0.9 times, of what this says. Part of the margin, since engines have improved at it.
constexpr double kExpertsSlower = 2;
constexpr double kLongest = 9e9;  // seconds that still fit a Duration: 285 years

Duration bounded_seconds(double s) { return from_seconds(std::min(s, kLongest)); }

double communication_s(const PrefillConfig& c, Tokens fresh) {
  const double link = c.gpu.nvlink_bytes_per_s.value_or(c.gpu.pcie_bytes_per_s) * kLinkEfficiency;
  const double reduces = c.tp > 1 ? 2.0 * c.model.layers : 0;
  return all_reduce_bytes(c.model, c.tp, fresh) / link + reduces * kAllReduceLatency_s +
         stage_bytes(c.model, c.pp, fresh) / link + (c.pp - 1.0) * kHopLatency_s;
}

class ModelledPrefill final : public Prefill {
 public:
  ModelledPrefill(PrefillConfig config, bool utilisation_given)
      : config_(std::move(config)), given_(utilisation_given) {}

  Duration cost(Tokens cached, Tokens fresh) const override {
    return bounded_seconds(modelled_times(config_, cached, fresh).total());
  }

  Provenance provenance() const override { return Provenance::modelled; }

  std::string device() const override {
    const PrefillConfig& c = config_;
    const std::string stages = c.pp == 1 ? "" : fmt::format(" in {} stages", c.pp);
    const std::string weights =
        c.weight_dtype == WeightDtype::bf16 ? "" : fmt::format(", {} weights", weight_dtype_row(c.weight_dtype).name);
    return fmt::format("{} x{}{}{}, modelled at {:.3g} % of peak", c.gpu.name, c.tp * c.pp, stages, weights,
                       c.utilisation * 100);
  }

  std::optional<double> utilisation() const override { return config_.utilisation; }

  std::optional<PrefillMargin> margin() const override {
    if (given_) return std::nullopt;  // whoever gives a figure knows how good it is
    const Gpu& gpu = config_.gpu;
    const bool experts = config_.model.active_params < config_.model.params;
    return PrefillMargin{
        config_.utilisation / gpu.utilisation_high,
        config_.utilisation / gpu.utilisation_low * (experts ? kExpertsSlower : 1),
        fmt::format("cited utilisations of {:.3g} to {:.3g} % of peak{}", gpu.utilisation_low * 100,
                    gpu.utilisation_high * 100, experts ? ", and experts that take up to twice as long" : "")};
  }

  std::vector<std::string> cautions() const override {
    const PrefillConfig& c = config_;
    const double bytes = weight_dtype_row(c.weight_dtype).bytes;
    if (bytes >= 2 || matrix_flops(c.gpu, c.weight_dtype) > c.gpu.bf16_flops) return {};
    return {fmt::format("{} weights are computed at the bf16 peak of {}: they save memory and its traffic alone",
                        weight_dtype_row(c.weight_dtype).name, c.gpu.name)};
  }

 private:
  PrefillConfig config_;
  bool given_;
};

}  // namespace

PrefillTimes modelled_times(const PrefillConfig& c, Tokens cached, Tokens fresh) {
  assert(c.tp >= 1 && c.pp >= 1);
  const double ranks = c.tp, hbm = ranks * c.gpu.hbm_bytes_per_s * kHbmEfficiency;
  const PrefillFlops flops = prefill_flops(c.model, cached, fresh);
  PrefillTimes out;
  out.linear_s = std::max(flops.weights / (ranks * matrix_flops(c.gpu, c.weight_dtype) * c.utilisation),
                          weight_traffic_bytes(c.model, fresh, c.weight_dtype) / hbm);
  out.attention_s = std::max(flops.attention / (ranks * c.gpu.bf16_flops * c.utilisation),
                             kv_traffic_bytes(c.model, c.kv_dtype, c.tp, cached, fresh) / hbm);
  out.communication_s = communication_s(c, fresh);
  out.overhead_s = kForwardOverhead_s + c.model.layers * kLayerOverhead_s;
  return out;
}

Result<std::unique_ptr<Prefill>> make_modelled_prefill(const PrefillConfig& config) {
  PrefillConfig c = config;
  if (c.utilisation == 0) c.utilisation = c.gpu.prefill_utilisation;
  if (!(c.utilisation > 0 && c.utilisation <= 1)) {
    return error(Code::bad_input, fmt::format("a prefill utilisation of {} is not within 0 to 1", c.utilisation),
                 "0.45 is what an H100 reaches");
  }
  if (!(c.model.active_params > 0 && c.model.params >= c.model.active_params)) {
    return error(Code::bad_input, fmt::format("model {}: no parameter count to model prefill with", c.model.name));
  }
  if (c.tp == 0) {
    const Result<std::uint32_t> smallest = smallest_tp(c.model, c.gpu, c.pp, c.weight_dtype);
    if (!smallest) return error(smallest);
    c.tp = *smallest;
  }
  return std::make_unique<ModelledPrefill>(std::move(c), config.utilisation != 0);
}

Duration modelled_upload(const Gpu& gpu, std::uint32_t gpus, Bytes bytes) {
  return bounded_seconds(static_cast<double>(bytes.count()) / (std::max(gpus, 1U) * gpu.pcie_bytes_per_s));
}

}  // namespace kv
