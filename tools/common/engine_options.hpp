#pragma once
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "common/model_options.hpp"
#include "prefill/prefill.hpp"

namespace kvtool {

/// The engine that computes what is not fetched, as typed: for every command that needs to know what prefill costs.
struct EngineOptions {
  std::string prefill = "modelled", gpu = "h100", weight_dtype = "bf16";
  std::optional<double> utilisation;
};
/// The group "Engine". Those that are asked for several GPUs add --gpu themselves (`with_gpu` false).
void add_engine_options(CLI::App& command, EngineOptions& options, bool with_gpu = true);

/// What follows from the options of model and engine.
struct Engine {
  kv::Model model;
  kv::Gpu gpu;
  std::uint32_t tp = 1, pp = 1;
  kv::WeightDtype weight_dtype = kv::WeightDtype::bf16;
  std::unique_ptr<kv::Prefill> prefill;
  /// A --tp that was given and does not hold the model. No failure: sizes and hits of such a layout can be asked for.
  std::optional<kv::Error> does_not_fit;

  std::uint32_t gpus() const { return tp * pp; }
};
/// Fails (bad_input), naming the option, for what is not known or cannot be.
kv::Result<Engine> make_engine(const ModelOptions& kv, const EngineOptions& engine);

/// Whether the longest prompt, or a hit on most of it, is more than the source of prefill times has data for, in words;
/// empty: no.
std::string extrapolation_warning(const kv::Prefill& prefill, kv::Tokens longest_prompt);

}  // namespace kvtool
