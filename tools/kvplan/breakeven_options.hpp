#pragma once
#include <optional>
#include <string>
#include <vector>

#include "common/engine_options.hpp"
#include "common/model_options.hpp"
#include "common/output.hpp"
#include "common/workload_input.hpp"
#include "fetch_path.hpp"

namespace kvtool {

/// What `kvplan breakeven` was asked for, as typed.
struct BreakEvenOptions {
  WorkloadOptions workload;
  ModelOptions kv;
  EngineOptions engine;
  FetchOptions fetch;
  std::vector<std::string> models{"llama-3.1-8b"}, gpus{"h100"}, codecs{"raw"};
  std::uint64_t prefix = 8192, behind = 128, longest = 131072;
  bool one_after_other = false, no_sweep = false;
  Output output;
};
/// The one option table of `kvplan breakeven`.
void add_breakeven_options(CLI::App& command, BreakEvenOptions& options);

}  // namespace kvtool
