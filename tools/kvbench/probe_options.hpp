#pragma once
#include <CLI/CLI.hpp>
#include <string>

#include "common/output.hpp"
#include "probe/probe.hpp"
#include "replay/payload_content.hpp"

namespace kvtool {

/// What `kvbench probe` was asked for, as typed.
struct ProbeOptions {
  std::string spec, sizes = "64KiB,1MiB,16MiB", depths = "1,4,16", connections = "1,4", codecs = "raw",
                    ops = "get,set,exists", kv_dtype = "bf16", payload = "kv", time_budget = "40s", min_time = "100ms",
                    peer, profile;
  std::uint32_t repetitions = 5;
  Output output;
};

/// The one option table of `kvbench probe`.
void add_probe_options(CLI::App& command, ProbeOptions& options);
/// Checked before anything is measured; Code::bad_input names the option.
kv::Result<kv::PayloadContent> payload_of(const ProbeOptions& options);
kv::Result<kv::probe::Plan> plan_of(const ProbeOptions& options, const kv::PayloadContent& payload);
/// What of the payload makes figures doubtful.
std::vector<std::string> warnings_of(const kv::probe::Plan& plan, const kv::PayloadContent& payload);

}  // namespace kvtool
