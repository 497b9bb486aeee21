#pragma once
#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "model/kv_geometry.hpp"

namespace kvtool {

/// A model and how its KV is laid out, as typed.
struct ModelOptions {
  std::string model = "llama-3.1-8b", kv_dtype = "bf16", replication = "dedup", layout = "block";
  std::optional<std::uint32_t> tp = std::nullopt;
  std::uint32_t pp = 1;
};
/// The group "Model and KV". Those that are asked for several models add --model themselves (`with_model` false).
void add_model_options(CLI::App& command, ModelOptions& options, bool with_model = true);

/// All but tp, which follows from the GPU where it is not given, and what only kvbench asks for.
kv::Result<kv::KvOptions> kv_options(const ModelOptions& options);

}  // namespace kvtool
