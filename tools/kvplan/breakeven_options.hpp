#pragma once
#include <optional>
#include <string>
#include <vector>

#include "common/engine_options.hpp"
#include "common/model_options.hpp"
#include "common/output.hpp"
#include "common/workload_input.hpp"

namespace kvtool {

/// What `kvplan breakeven` was asked for, as typed.
struct BreakEvenOptions {
  WorkloadOptions workload;
  ModelOptions kv;
  EngineOptions engine;
  std::vector<std::string> models{"llama-3.1-8b"}, gpus{"h100"}, codecs{"raw"}, profiles;
  std::string latency, bandwidth, decode_bandwidth;
  std::uint64_t prefix = 8192, behind = 128, longest = 131072;
  bool one_after_other = false, no_sweep = false;
  Output output;
};
/// The one option table of `kvplan breakeven`.
void add_breakeven_options(CLI::App& command, BreakEvenOptions& options);

/// One way to the KV: what --backend-profile, or --latency and --bandwidth say of it.
struct FetchPath {
  std::string backend, source;
  std::optional<kv::Duration> latency;  ///< from the lookup to the first byte
  std::optional<double> bytes_per_s;    ///< of stored bytes, to one engine; nullopt: only the bandwidth needed is asked
};
/// All of them, one that knows nothing where nothing was given. `codec`: a profile may have measured its values.
kv::Result<std::vector<FetchPath>> fetch_paths(const BreakEvenOptions& options, const std::string& codec,
                                               std::vector<std::string>& warnings);
/// Of --decode-bandwidth.
kv::Result<std::optional<double>> decode_rate_given(const BreakEvenOptions& options);

}  // namespace kvtool
