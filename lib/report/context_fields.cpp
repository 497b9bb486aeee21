#include <fmt/chrono.h>

#include <cmath>
#include <ctime>
#include <vector>

#include "report/document.hpp"

namespace kv {
namespace {

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }
Json bytes_or_null(Bytes bytes) { return bytes == Bytes() ? Json(nullptr) : Json(bytes.count()); }
Json rate_or_null(const std::optional<double>& rate) { return rate ? finite(std::round(*rate)) : Json(nullptr); }

/// ISO 8601, UTC, whole seconds.
Json timestamp(std::chrono::system_clock::time_point at) {
  if (at == std::chrono::system_clock::time_point()) return nullptr;
  const std::time_t time = std::chrono::system_clock::to_time_t(at);
  std::tm utc{};
  if (gmtime_r(&time, &utc) == nullptr) return nullptr;
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", utc);
}

ContextField text(std::string path, std::string meaning, std::string Machine::*member) {
  return {std::move(path), Unit::text, std::move(meaning),
          [member](const ReportContext& c) { return text_or_null(c.machine.*member); }};
}

ContextField figure(const char* key, Unit unit, std::string meaning, std::uint64_t WorkloadSummary::*member) {
  return {std::string("workload.") + key, unit, std::move(meaning),
          [member](const ReportContext& c) { return Json(c.workload.*member); }};
}

ContextField limit(const char* key, std::string meaning, std::optional<double> Limits::*member) {
  return {std::string("limits.") + key, Unit::bytes_per_s, std::move(meaning),
          [member](const ReportContext& c) { return rate_or_null(c.limits.*member); }};
}

std::vector<ContextField> make_context_fields() {
  return {
      {"schema", Unit::text, "what this document is", [](const ReportContext&) { return Json(kReportSchema); }},
      {"tool.name", Unit::text, "program that made it", [](const ReportContext&) { return Json("kvbench"); }},
      text("tool.version", "its version", &Machine::version),
      text("tool.revision", "git revision that was built", &Machine::git_revision),
      text("tool.build_type", "how it was built: release, debug, ...", &Machine::build_type),
      {"started_at", Unit::text, "begin of the run, ISO 8601, UTC",
       [](const ReportContext& c) { return timestamp(c.started_at); }},
      {"interrupted", Unit::flag, "stopped by the user: figures are of what was done until then",
       [](const ReportContext& c) { return Json(c.interrupted); }},
      {"command_line", Unit::texts, "as given, secrets removed",
       [](const ReportContext& c) { return Json(c.command_line); }},
      text("machine.cpu", "CPU model", &Machine::cpu),
      {"machine.cores", Unit::count, "CPUs that the process may use",
       [](const ReportContext& c) { return Json(c.machine.cores); }},
      {"machine.host_cores", Unit::count, "CPUs online on the host",
       [](const ReportContext& c) { return Json(c.machine.host_cores); }},
      {"machine.memory_bytes", Unit::bytes, "physical memory, or the cgroup's limit where that is lower",
       [](const ReportContext& c) { return bytes_or_null(c.machine.memory); }},
      {"machine.available_memory_bytes", Unit::bytes, "what of it could be used at the start",
       [](const ReportContext& c) { return bytes_or_null(c.machine.available_memory); }},
      text("machine.os", "distribution", &Machine::os),
      text("machine.kernel", "kernel release", &Machine::kernel),
      text("machine.compiler", "compiler of this build", &Machine::compiler),
      {"machine.load_1m", Unit::factor, "load average of one minute at the start",
       [](const ReportContext& c) { return finite(c.machine.load_1m); }},
      {"machine.cpu_governor", Unit::text, "frequency governor; null: not told",
       [](const ReportContext& c) { return text_or_null(c.machine.cpu_governor.value_or("")); }},
      {"machine.swapping", Unit::flag, "the host swapped or tasks waited for memory",
       [](const ReportContext& c) { return Json(c.machine.swapping); }},
      text("machine.fingerprint", "equal on machines whose times may be compared", &Machine::fingerprint),
      limit("memory_copy_bytes_per_s", "one thread's memcpy beyond the caches, bytes copied", &Limits::memory_copy),
      limit("tcp_bytes_per_s", "one TCP stream over loopback, both ends on this host", &Limits::tcp),
      limit("unix_socket_bytes_per_s", "one unix socket stream, both ends on this host", &Limits::unix_socket),
      {"payload", Unit::text,
       "what payloads were made of: kv (made like KV), zeros, noise, file NAME, or engine: the KV of the "
       "measured engine",
       [](const ReportContext& c) { return text_or_null(c.payload); }},
      {"workload.path", Unit::text, "the file that was read",
       [](const ReportContext& c) { return text_or_null(c.workload_path); }},
      figure("requests", Unit::count, "requests after selection", &WorkloadSummary::requests),
      figure("span_ms", Unit::count, "time from the first arrival to the last", &WorkloadSummary::span_ms),
      figure("input_tokens", Unit::count, "prompt tokens", &WorkloadSummary::input_tokens),
      figure("output_tokens", Unit::count, "generated tokens", &WorkloadSummary::output_tokens),
      figure("block_size", Unit::count, "tokens per block", &WorkloadSummary::block_size),
      figure("block_refs", Unit::count, "blocks that the requests name", &WorkloadSummary::block_refs),
      figure("unique_blocks", Unit::count, "different blocks among them", &WorkloadSummary::unique_blocks),
      figure("max_blocks", Unit::count, "blocks of the longest request", &WorkloadSummary::max_blocks),
      figure("max_input_tokens", Unit::count, "tokens of the longest prompt", &WorkloadSummary::max_input_tokens),
  };
}

}  // namespace

std::span<const ContextField> context_fields() {
  static const std::vector<ContextField> kFields = make_context_fields();
  return kFields;
}

}  // namespace kv
