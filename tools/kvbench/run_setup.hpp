#pragma once
#include "backend/registry.hpp"
#include "replay/replay.hpp"
#include "run_options.hpp"

namespace kvtool {

/// A backend to run against; one that was not asked for by name may lack its program without failing the run.
struct Target {
  kv::BackendSpec spec;
  bool may_be_missing = false;
};

/// Everything that `kvbench run` needs, checked before anything is measured.
struct RunSetup {
  WorkloadInput input;
  Engine engine;
  std::unique_ptr<kv::Engine> computes;  ///< where prefill is measured
  std::optional<kv::KvGeometry> geometry;
  std::optional<std::uint64_t> bytes_per_token;  ///< asked for, or chosen to fit the memory
  kv::Bytes window;                              ///< of each worker
  kv::FetchPolicy fetch;
  kv::Overlap overlap = kv::Overlap::automatic;  ///< off, too, where there is no room for it
  kv::Blocks engine_cache;
  std::vector<Target> targets;
  std::vector<kv::CodecSpec> codecs;
  kv::PayloadContent payload;
  std::uint32_t workers = 1;
  std::vector<std::string> warnings;
};
kv::Result<RunSetup> set_up(const RunOptions& options);

/// The plan of one row; `setup` must outlive it.
kv::ReplayPlan plan_of(const RunSetup& setup, const RunOptions& options, const kv::CodecSpec& codec);

}  // namespace kvtool
