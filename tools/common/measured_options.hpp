#pragma once
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "common/model_options.hpp"
#include "engine/engine.hpp"

namespace kvtool {

/// The engine that computes here and now, as typed: of `--prefill measured`, `calibrate` and `accuracy`.
struct MeasuredOptions {
  std::string weights, compute_dtype = "auto";
  std::uint32_t threads = 0;
  std::uint64_t chunk = 512, seed = 1;
};
/// The group "Measured engine".
void add_measured_options(CLI::App& command, MeasuredOptions& options);

/// The model that is computed: that of the weights' own config.json, whatever `asked` names, where there are any. Fails
/// (bad_input) where the engine cannot run it.
kv::Result<kv::Model> measured_model(const ModelOptions& asked, const MeasuredOptions& options);

/// Of the same model: token ids are below it.
kv::Result<std::uint32_t> measured_vocabulary(const ModelOptions& asked, const MeasuredOptions& options);

/// For sequences of up to `longest` tokens; loads or makes the weights.
kv::Result<std::unique_ptr<kv::Engine>> make_measured_engine(const ModelOptions& asked, const MeasuredOptions& options,
                                                             kv::Tokens longest);

}  // namespace kvtool
