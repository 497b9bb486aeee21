#include "probe/probe.hpp"

#include <fmt/format.h>

#include <memory>

#include "base/parse.hpp"
#include "commands.hpp"
#include "common/watch.hpp"
#include "metrics/machine.hpp"
#include "probe_options.hpp"
#include "report/probe_document.hpp"

namespace kvtool {
namespace {

constexpr std::chrono::milliseconds kLimitsBudget{450};

/// " 40 %  16 of 40 points, 21 s left".
std::string progress(const kv::probe::Control& control, kv::TimePoint begin) {
  const std::uint64_t done = control.done, planned = control.planned;
  if (planned == 0) return "getting ready";
  std::string text = fmt::format("{:3.0f} %  {} of {} points",
                                 100 * static_cast<double>(done) / static_cast<double>(planned), done, planned);
  if (done == 0) return text;
  const double each = kv::seconds(std::chrono::steady_clock::now() - begin) / static_cast<double>(done);
  return text + fmt::format(", {:.0f} s left", each * static_cast<double>(planned - done));
}

kv::Result<kv::probe::Findings> watched_probe(const kv::probe::Plan& plan, kv::probe::Control& control) {
  const kv::TimePoint begin = std::chrono::steady_clock::now();
  const Watch watch(control.stop, [&control, begin] { return progress(control, begin); });
  return kv::probe::probe(plan, control);
}

/// Points that failed, and a server that went away, fail the probe, though what was measured is shown.
int exit_code_of(const kv::probe::Findings& findings) {
  if (findings.interrupted) return 130;
  const auto& error = findings.failure ? findings.failure : findings.first_error;
  return error ? fail(*error) : 0;
}

int probe(const CLI::App& command, const ProbeOptions& options, const std::vector<std::string>& command_line) {
  const auto format = kv::parse_format(options.output.format);
  if (!format) return fail(format.error());
  for (const std::string& path : {options.output.path, options.profile}) {
    if (path.empty()) continue;
    if (const auto writable = check_output(path); !writable) return fail(writable.error());
  }
  const auto payload = payload_of(options);
  if (!payload) return fail(payload.error());
  const auto plan = plan_of(options, *payload);
  if (!plan) return fail(plan.error());

  kv::ReportContext context;
  context.started_at = std::chrono::system_clock::now();
  context.config = options_in_effect(command);
  context.command_line = command_line;
  context.payload = payload->name;
  context.warnings = warnings_of(*plan, *payload);
  context.machine = kv::describe_machine();
  context.limits = kv::measure_limits(kLimitsBudget);
  kv::probe::Control control;
  const auto findings = watched_probe(*plan, control);
  if (!findings) return fail(findings.error());
  context.interrupted = findings->interrupted;
  if (!findings->on_this_host)
    context.limits.tcp = context.limits.unix_socket = std::nullopt;  // say nothing of a network

  const kv::ProbeContext what{context, *findings, plan->backend.text, kv::Bytes(plan->chunk_bytes)};
  const kv::Json document = kv::make_probe_document(what);
  int exit_code = exit_code_of(*findings);
  if (!options.profile.empty()) {
    const std::string text = kv::render(kv::profile_json(kv::profile_of(what)), kv::Format::json);
    if (const auto written = write_output(text, options.profile); !written) exit_code = fail(written.error());
  }
  const kv::Style style = options.output.path.empty() ? terminal_style() : kv::Style{};
  const auto written = write_output(kv::render_probe(document, *format, style), options.output.path);
  return written ? exit_code : std::max(exit_code, fail(written.error()));
}

}  // namespace

void add_probe(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code) {
  auto options = std::make_shared<ProbeOptions>();
  CLI::App* command = app.add_subcommand("probe", "How fast a server moves values, beside the bare socket's own limit");
  add_probe_options(*command, *options);
  command->callback(
      [command, options, command_line, &exit_code] { exit_code = probe(*command, *options, command_line); });
}

}  // namespace kvtool
