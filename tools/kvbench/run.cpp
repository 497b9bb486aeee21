#include <fmt/format.h>

#include <memory>

#include "commands.hpp"
#include "common/output.hpp"
#include "common/watch.hpp"
#include "metrics/machine.hpp"
#include "report/report.hpp"
#include "run_setup.hpp"

namespace kvtool {
namespace {

constexpr std::uint64_t kOverheadRequests = 2000;
constexpr std::chrono::milliseconds kLimitsBudget{450};

constexpr std::string_view kSaltOption = "--tenant-salt";

/// What has no fixed default is told by `.resolved`.
kv::Json config_of(const CLI::App& command, const RunSetup& setup) {
  kv::Json out = options_in_effect(command);
  for (const char* listed : {"backend", "codec"}) out[listed] = kv::Json::array();
  for (const Target& target : setup.targets) out["backend"].push_back(target.spec.text);
  for (const kv::CodecSpec& codec : setup.codecs) out["codec"].push_back(codec.text);
  return out;
}

/// As given, but for the tenant's salt: whoever knows it can tell whether a prompt is in the cache.
std::vector<std::string> without_secrets(std::vector<std::string> words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == kSaltOption && i + 1 < words.size()) words[i + 1] = "***";
    if (words[i].rfind(std::string(kSaltOption) + "=", 0) == 0) words[i] = std::string(kSaltOption) + "=***";
  }
  return words;
}

kv::Json resolved(const RunSetup& s) {
  return {{"model", s.engine.model.name},
          {"kv_bytes_per_token", s.geometry->nominal_per_token().count()},
          {"stored_bytes_per_block", s.geometry->max_block().count()},
          {"values_per_block", s.geometry->parts().size()},
          {"scaled", s.geometry->scaled()},
          {"bytes_per_token", s.bytes_per_token ? kv::Json(*s.bytes_per_token) : kv::Json(nullptr)},
          {"key_fingerprint", fmt::format("{:016x}", s.geometry->fingerprint())},
          {"gpu", s.engine.gpu.name},
          {"gpus", s.engine.gpus()},
          {"tp", s.engine.tp},
          {"pp", s.engine.pp},
          {"weight_dtype", std::string(kv::weight_dtype_row(s.engine.weight_dtype).name)},
          {"prefill", s.engine.prefill->device()},
          {"prefill_provenance", std::string(kv::provenance_name(s.engine.prefill->provenance()))},
          {"engine_cache_blocks", s.engine_cache.count()},
          {"engine_cache_bytes", (s.geometry->engine_block() * s.engine_cache.count()).count()},
          {"workers", s.workers}};
}

kv::RunResult left_out(const Target& target, const kv::CodecSpec& codec, const RunSetup& setup, std::string why) {
  kv::RunResult row;
  row.backend = target.spec.text;
  row.codec = codec.text;
  row.scaled = setup.geometry->scaled();
  row.fetch = setup.fetch;
  row.skipped = std::move(why);
  return row;
}

struct Outcome {
  std::vector<kv::RunResult> rows;
  int exit_code = 0;
};

/// A backend that cannot start leaves a row that says so; the others go on.
void run_row(const Target& target, const kv::CodecSpec& codec, const RunSetup& setup, const RunOptions& options,
             kv::ReplayControl& control, Outcome& out) {
  auto backend = kv::make_backend(target.spec);
  auto row = backend ? kv::replay(**backend, plan_of(setup, options, codec), control)
                     : kv::Result<kv::RunResult>(kv::error(backend));
  if (!row) {
    kv::Error why = std::move(row.error());
    const bool forgiven = target.may_be_missing && why.code == kv::Code::not_installed;
    out.rows.push_back(left_out(target, codec, setup, forgiven ? why.message + " (" + why.hint + ")" : why.message));
    why.message = target.spec.text + ": " + why.message;
    if (!forgiven) out.exit_code = std::max(out.exit_code, fail(why));
    return;
  }
  row->backend = target.spec.text;
  for (const kv::Repetition& repetition : row->repetitions) {
    if (repetition.logits && !repetition.logits->hold()) {
      say(fmt::format("kvbench: {}, codec {}: restored KV does not give the logits that it must: see .logits\n",
                      row->backend, row->codec));
      out.exit_code = std::max(out.exit_code, 1);
    }
    const kv::Counts& c = repetition.counts;
    if (c.failed_requests + c.failed_ops + c.corrupt_values != 0) out.exit_code = std::max(out.exit_code, 1);
  }
  for (const std::string& example : row->error_examples) {
    say(fmt::format("kvbench: {}: {}\n", row->backend, example));
  }
  out.rows.push_back(std::move(*row));
}

Outcome run_all(const RunSetup& setup, const RunOptions& options, kv::ReplayControl& control) {
  Outcome out;
  const auto overhead = kv::harness_overhead(plan_of(setup, options, setup.codecs.front()), kOverheadRequests);
  const std::uint64_t rows = setup.targets.size() * setup.codecs.size() * options.repetitions;
  const std::uint64_t requests = rows * setup.input.workload.size();
  const Watch watch(control.stop, [&control, requests] {
    const std::uint64_t done = control.requests_done;
    const double share = requests > 0 ? static_cast<double>(done) / static_cast<double>(requests) : 0;
    return fmt::format("{:3.0f} %  {} of {} requests", 100 * share, done, requests);
  });
  for (const Target& target : setup.targets) {
    for (const kv::CodecSpec& codec : setup.codecs) {
      if (control.stop) {
        out.rows.push_back(left_out(target, codec, setup, "interrupted before it began"));
        continue;
      }
      run_row(target, codec, setup, options, control, out);
    }
  }
  for (kv::RunResult& row : out.rows) {
    if (overhead) row.harness_overhead_ns_per_request = static_cast<double>(overhead->count());
  }
  return out;
}

kv::ReportContext context_of(const CLI::App& command, const RunOptions& options, const RunSetup& setup) {
  kv::ReportContext context;
  context.started_at = std::chrono::system_clock::now();
  context.config = config_of(command, setup);
  context.config["resolved"] = resolved(setup);
  context.workload = kv::summarize(setup.input.workload);
  context.workload_path = options.workload.path;
  context.payload = setup.computes ? "engine" : setup.payload.name;
  context.workload_extra = workload_notes(setup.input);
  context.warnings = setup.warnings;
  if (setup.input.sample_error) context.warnings.push_back(sample_note(*setup.input.sample_error));
  context.machine = kv::describe_machine();
  context.limits = kv::measure_limits(kLimitsBudget);
  return context;
}

int run(const CLI::App& command, const RunOptions& options, const std::vector<std::string>& command_line) {
  const auto format = kv::parse_format(options.format);
  if (!format) return fail(format.error());
  if (!options.output.empty()) {
    if (const auto writable = check_output(options.output); !writable) return fail(writable.error());
  }
  const auto setup = set_up(options);
  if (!setup) return fail(setup.error());

  kv::ReportContext context = context_of(command, options, *setup);
  context.command_line = without_secrets(command_line);
  kv::ReplayControl control;
  const std::uint64_t swapped_before = kv::swapped_pages();
  Outcome outcome = run_all(*setup, options, control);
  context.interrupted = control.stop;
  context.machine.swapping = context.machine.swapping || kv::swapped_pages() != swapped_before;
  if (control.stop) outcome.exit_code = 130;

  const kv::Json report = kv::make_report(context, outcome.rows);
  if (!options.output.empty()) {
    if (const auto written = write_output(kv::render(report, kv::Format::json), options.output); !written) {
      outcome.exit_code = std::max(outcome.exit_code, fail(written.error()));
    }
  }
  if (const auto written = write_output(kv::render(report, *format, terminal_style()), ""); !written) {
    outcome.exit_code = std::max(outcome.exit_code, fail(written.error()));
  }
  return outcome.exit_code;
}

}  // namespace

void add_run(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "Replay a workload against one or more backends and report");
  add_run_options(*command, *options);
  command->callback(
      [command, options, command_line, &exit_code] { exit_code = run(*command, *options, command_line); });
}

}  // namespace kvtool
