#pragma once
#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

namespace kvbench {

/// What `kvbench run` was asked for, as typed; run_setup.hpp checks it and makes it into a plan.
struct RunOptions {
  std::string workload;
  std::vector<std::string> backends, codecs{"raw"};

  std::string model = "llama-3.1-8b", kv_dtype = "bf16", replication = "dedup", layout = "block", payload = "kv",
              adapter, tenant_salt;
  std::optional<std::uint32_t> tp;
  std::uint32_t pp = 1;
  std::optional<std::uint64_t> bytes_per_token;

  std::optional<std::uint64_t> block_size, requests;
  bool lenient = false;
  std::string sample = "1";
  std::uint64_t skip = 0, seed = 1;

  std::string prefill = "modelled", gpu = "h100", engine_cache = "auto";
  std::optional<double> utilisation;

  std::string mode = "closed:1", overlap = "auto";
  std::uint64_t warmup = 0;
  std::uint32_t repetitions = 1;
  bool no_verify = false;

  std::string format = "table", output;
};

/// The one option table of `kvbench run`.
void add_run_options(CLI::App& command, RunOptions& options);

}  // namespace kvbench
