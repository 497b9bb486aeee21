#pragma once
#include <optional>
#include <string>
#include <vector>

#include "common/model_options.hpp"
#include "common/output.hpp"
#include "common/workload_input.hpp"
#include "curve/curve.hpp"

namespace kvtool {

/// What `kvplan curve` was asked for, as typed.
struct CurveOptions {
  WorkloadOptions workload;
  ModelOptions kv{.model = ""};
  std::vector<std::string> policies{"lru"}, capacities, ttls, targets;
  std::string ttl_mode = "sliding", codec = "raw", rate, max_memory, slice = "1/1";
  std::uint32_t admit = 1, threads = 0;
  bool each_ttl = false;
  std::optional<std::uint64_t> bytes_per_token;
  std::optional<double> usd_per_gb_hour;
  Output output;

  bool sampled() const { return !rate.empty() || !max_memory.empty() || slice != "1/1"; }
};
/// The one option table of `kvplan curve`.
void add_curve_options(CLI::App& command, CurveOptions& options);

/// What of the request does not depend on the workload.
kv::Result<kv::CurveRequest> curve_request(const CurveOptions& options);
kv::Result<kv::BlockSample> block_sample(const CurveOptions& options);
/// "1827", "10%" of the unique blocks, "8GiB" of blocks of so many bytes; the usual sizes if none was given.
kv::Result<std::vector<kv::Blocks>> capacities_of(const CurveOptions& options, std::uint64_t unique_blocks,
                                                  std::optional<double> block_bytes);

/// What one full block takes in the cache, and how that is said.
struct BlockBytes {
  std::optional<double> bytes;  ///< nullopt: no model was named
  kv::Json resolved = kv::Json::object();
};
kv::Result<BlockBytes> block_bytes(const CurveOptions& options, kv::Tokens block_size);

}  // namespace kvtool
