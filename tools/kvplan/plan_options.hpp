#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "common/engine_options.hpp"
#include "common/model_options.hpp"
#include "common/output.hpp"
#include "common/workload_input.hpp"
#include "fetch_path.hpp"
#include "plan/scenario.hpp"

namespace kvtool {

/// What people know who have no trace, as typed; each may be a range, LOW..HIGH.
struct SummaryOptions {
  std::string requests_per_second, input_tokens, output_tokens, shared_prefix, hit_rate;
  std::uint64_t prefixes = 100;

  bool given() const { return !input_tokens.empty(); }
};

/// What `kvplan estimate`, its parts and `kvplan scale` are asked for, as typed.
struct PlanOptions {
  WorkloadOptions workload;
  SummaryOptions summary;
  ModelOptions kv;
  EngineOptions engine;
  FetchOptions fetch;
  std::string codec = "raw", engine_cache = "auto", host_cache, routing = "prefix";
  std::optional<std::uint32_t> gpus;
  std::uint32_t committed_gpus = 0, replicas = 0, draws = 1000, threads = 0;
  bool always_fetch = false;
  double cross_zone_share = 0;
  std::vector<std::string> kinds;
  std::string cache_size, target_hit_rate = "80%", node, managed_node, server, prices, run, slo_ttft, slo_share = "95%";
  std::array<std::string, kv::kPlanInputs> inputs;  ///< of plan_inputs()
  std::string emit;
  std::vector<std::string> scale_gpus{"8", "64", "512", "4096"}, scale_traffic{"1x", "4x"};
  Output output;
};
/// The one option table of them; `scale`: fleets and multiples of traffic in the place of one fleet.
void add_plan_options(CLI::App& command, PlanOptions& options, bool scale);

/// "3", "2..4", "2..3..4" (low, typical, high); each part as `parse` reads it. Between two, typical is the middle.
kv::Result<kv::Uncertain> parse_range(const std::string& text, const char* option);

}  // namespace kvtool
