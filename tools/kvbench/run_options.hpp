#pragma once
#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/engine_options.hpp"
#include "common/measured_options.hpp"
#include "common/model_options.hpp"
#include "common/workload_input.hpp"

namespace kvtool {

/// What `kvbench run` was asked for, as typed; run_setup.hpp checks it and makes it into a plan.
struct RunOptions {
  WorkloadOptions workload;
  std::vector<std::string> backends, codecs{"raw"};

  ModelOptions kv;
  std::string payload = "kv", adapter, tenant_salt;
  std::optional<std::uint64_t> bytes_per_token;

  EngineOptions engine;
  std::string engine_cache = "auto";
  MeasuredOptions measured;
  std::uint64_t check_logits = 0;

  std::string mode = "closed:1", overlap = "auto", fetch = "always";
  std::uint64_t warmup = 0;
  std::uint32_t repetitions = 1;
  bool no_verify = false;

  std::string format = "table", output;
};

/// Whether prompts are computed here and now.
inline bool is_measured(const RunOptions& options) { return options.engine.prefill == kv::kMeasuredPrefill; }

/// The one option table of `kvbench run`.
void add_run_options(CLI::App& command, RunOptions& options);

}  // namespace kvtool
