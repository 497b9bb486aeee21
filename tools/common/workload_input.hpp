#pragma once
#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "report/report.hpp"
#include "workload/read.hpp"

namespace kvtool {

/// "500k" as well as "500000", and no negative number in disguise.
CLI::Validator count();

/// The workload that a command is given and what of it is used, as typed.
struct WorkloadOptions {
  std::string path;
  std::optional<std::uint64_t> block_size, requests;
  bool lenient = false;
  std::string sample = "1";
  std::uint64_t skip = 0, seed = 1;
};
/// The positional argument, which may be left out if not `required`, and the group "Workload".
void add_workload_options(CLI::App& command, WorkloadOptions& options, bool required = true);

struct WorkloadInput {
  kv::Workload workload;
  kv::ReadNotes notes;
  std::optional<kv::SampleError> sample_error;
  std::vector<std::string> warnings;  ///< bad lines
};
/// Options that are wrong whatever the workload holds are told before it is read: that can take minutes.
kv::Result<WorkloadInput> load_workload(const WorkloadOptions& options);

/// What a report's `.workload` says beyond its summary: lines, bad lines, how far a sample is from the whole.
kv::Json workload_notes(const WorkloadInput& input);
/// How far a sample is from the whole, for a reader of the table.
std::string sample_note(const kv::SampleError& error);
/// Says in which option an error is.
tl::unexpected<kv::Error> in_option(const char* option, const kv::Error& error);

}  // namespace kvtool
