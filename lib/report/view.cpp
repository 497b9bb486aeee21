#include "report/view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

namespace kv {
namespace {

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string text;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    if (!text.empty()) text += between;
    text += part;
  }
  return text;
}

std::string figure_at(const Json& document, std::string_view path, Unit unit) {
  return figure_text(find(document, path), unit);
}

/// "12 requests", or nothing if unknown.
std::string counted(const Json& document, std::string_view path, std::string_view what, Unit unit = Unit::count) {
  const auto value = number_at(document, path);
  return value ? fmt::format("{} {}", figure_text(value, unit), what) : std::string();
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string backend_name(const Json& run) {
  const std::string device = text_at(run, "device");
  return device.empty() ? text_at(run, "backend") : fmt::format("{} ({})", text_at(run, "backend"), device);
}

std::string server_name(const Json& run) {
  const std::string name = text_at(run, "server.name");
  return name.empty() ? "" : name + " " + text_at(run, "server.version");
}

/// Times of scaled runs are no TTFT; nobody shall read them off a table as such.
bool hidden_by_scaling(const Json& run, const Field& field) {
  if (!flag_at(run, "scaled")) return false;
  return field.path.compare(0, 5, "ttft.") == 0 || field.path.compare(0, 8, "speedup.") == 0;
}

std::string cell(const Json& run, const Field& field) {
  if (field.path == "backend") return backend_name(run);
  if (!text_at(run, "skipped").empty() && field.role != Role::identity) return "-";
  if (hidden_by_scaling(run, field)) return "scaled";
  if (field.unit == Unit::bytes_per_s) {  // the heading has the unit: a column of one unit is narrow and compares
    const auto rate = number_at(run, field.path);
    return rate ? fmt::format("{:.{}f}", *rate / 1e9, *rate < 0.9995e9 ? 3 : 2) : "-";
  }
  return figure_at(run, field.path, field.unit);
}

/// Error columns are worth their width only where there are errors.
bool shown(const Json& runs, const Field& field) {
  if (field.heading.empty()) return false;
  if (field.path.compare(0, 7, "errors.") != 0) return true;
  return std::any_of(runs.begin(), runs.end(),
                     [&field](const Json& run) { return number_at(run, field.path).value_or(0) > 0; });
}

struct PhaseShare {
  std::string name;
  double total = 0, count = 0;
};

/// Of all repetitions, the last of which may have been cut short: every request goes through one phase at least.
double requests_in(std::span<const PhaseShare> phases) {
  double most = 1;
  for (const PhaseShare& phase : phases) most = std::max(most, phase.count);
  return most;
}

std::string shares(const Json& run, std::span<const PhaseShare> phases, double requests) {
  double sum = 0;
  for (const PhaseShare& phase : phases) sum += phase.total;
  std::vector<std::string> parts;
  for (const PhaseShare& phase : phases) {
    if (phase.total <= 0 || sum <= 0) continue;
    const std::string provenance = text_at(run, (phase.name == "download" ? "upload" : phase.name) + ".provenance");
    const std::string label = provenance.empty() || provenance == "measured" ? "" : " (" + provenance + ")";
    parts.push_back(fmt::format("{}{} {} {}", phase.name, label, figure_text(phase.total / requests, Unit::nanoseconds),
                                figure_text(phase.total / sum, Unit::ratio)));
  }
  return joined(parts, ", ");
}

/// "; fetching took 1.2 ms of it, 1.58x by overlap": phases that ran at once add up to more than they took.
std::string overlap_note(const Json& run, const std::string& side, double requests) {
  const auto won = number_at(run, side + ".overlap"), wall = number_at(run, side + ".wall_ns");
  if (!flag_at(run, "overlap") || !won || !wall) return {};
  return fmt::format("; overlapped, so {} took {} ({} faster)", side == "fetch" ? "fetching" : "storing",
                     figure_text(*wall / requests, Unit::nanoseconds), figure_text(won, Unit::factor));
}

/// " (its times within 0.69x to 1.25x)".
std::string margin_text(const Json& run) {
  const auto low = number_at(run, "prefill.margin_low"), high = number_at(run, "prefill.margin_high");
  if (!low || !high) return {};
  return fmt::format(" (its times within {} to {})", figure_text(low, Unit::factor), figure_text(high, Unit::factor));
}

std::string model_line(const Json& report) {
  const Json& runs = list_at(report, "runs");
  const std::string dtype = text_at(report, "config.kv-dtype");
  std::vector<std::string> parts = {text_at(report, "config.model"), dtype.empty() ? dtype : "KV " + dtype};
  for (const Json& run : runs) {
    const std::string device = text_at(run, "prefill.device");
    if (device.empty()) continue;
    const auto cache = number_at(run, "engine_cache_bytes");
    const std::string provenance = text_at(run, "prefill.provenance");
    const bool said = device.find(provenance) != std::string::npos;
    parts.push_back((said ? "prefill on " + device : fmt::format("prefill {} on {}", provenance, device)) +
                    margin_text(run));
    parts.push_back("engine cache " + (cache ? figure_text(cache, Unit::bytes) : "off"));
    break;
  }
  return joined(parts, ", ");
}

std::string workload_line(const Json& report) {
  const auto span = number_at(report, "workload.span_ms");
  return joined({shorten_middle(file_name(text_at(report, "workload.path")), 40),
                 counted(report, "workload.requests", "requests") +
                     (span ? " over " + figure_text(*span * 1e6, Unit::nanoseconds) : ""),
                 counted(report, "workload.input_tokens", "input tokens"),
                 counted(report, "workload.unique_blocks", "unique blocks of ") +
                     figure_at(report, "workload.block_size", Unit::count)},
                ", ");
}

}  // namespace

std::vector<HeaderLine> header_lines(const Json& report) {
  const std::string kernel = text_at(report, "machine.kernel");
  return {
      {"tool",
       joined({text_at(report, "tool.name") + " " + text_at(report, "tool.version"), text_at(report, "tool.revision"),
               text_at(report, "tool.build_type"), text_at(report, "started_at")},
              ", ")},
      {"machine", joined({text_at(report, "machine.cpu"), counted(report, "machine.cores", "cores"),
                          counted(report, "machine.memory_bytes", "memory", Unit::bytes), text_at(report, "machine.os"),
                          kernel.empty() ? kernel : "Linux " + kernel},
                         ", ")},
      {"workload", workload_line(report)},
      {"model", model_line(report)},
  };
}

Table runs_table(const Json& report) {
  const Json& runs = list_at(report, "runs");
  Table table;
  table.rows.resize(runs.size());
  for (const Field& field : fields()) {
    if (!shown(runs, field)) continue;
    const bool text = field.unit == Unit::text;
    table.columns.push_back(
        {field.heading, text ? Align::left : Align::right, field.path == "backend" ? std::size_t{12} : std::size_t{0}});
    for (std::size_t r = 0; r < runs.size(); ++r) table.rows[r].push_back(cell(runs[r], field));
  }
  return table;
}

std::vector<int> runs_mood(const Json& report) {
  std::vector<int> moods;
  for (const Json& run : list_at(report, "runs")) {
    const double speedup = flag_at(run, "scaled") ? 1 : number_at(run, "speedup.ratio_of_means").value_or(1);
    const bool failed = number_at(run, "errors.corrupt_values").value_or(0) > 0 || !text_at(run, "skipped").empty();
    moods.push_back(failed || speedup < 0.98 ? -1 : speedup > 1.02 ? 1 : 0);
  }
  return moods;
}

std::vector<PhaseLines> phase_lines(const Json& report) {
  constexpr auto kFirstStorePhase = static_cast<std::size_t>(Phase::download);
  std::vector<PhaseLines> lines;
  for (const Json& run : list_at(report, "runs")) {
    if (!text_at(run, "skipped").empty()) continue;
    std::array<PhaseShare, kPhases> phases;
    for (std::size_t p = 0; p < kPhases; ++p) {
      phases[p].name = phase_name(static_cast<Phase>(p));
      phases[p].total = number_at(run, "phases." + phases[p].name + ".total_ns").value_or(0);
      phases[p].count = number_at(run, "phases." + phases[p].name + ".count").value_or(0);
    }
    const std::span<const PhaseShare> all(phases);
    const double requests = requests_in(all);
    const std::string fetched = overlap_note(run, "fetch", requests), stored = overlap_note(run, "store", requests);
    PhaseLines line{
        joined({backend_name(run), text_at(run, "codec"), server_name(run), flag_at(run, "scaled") ? "scaled" : ""},
               ", "),
        shares(run, all.first(kFirstStorePhase), requests) + fetched,
        shares(run, all.subspan(kFirstStorePhase), requests) + stored,
        break_even_line(run),
        policy_line(run),
        logits_line(run)};
    if (!line.first_token.empty() || !line.store.empty()) lines.push_back(std::move(line));
  }
  return lines;
}

std::string limits_line(const Json& report) {
  return fmt::format("memory copy {}, TCP {}, unix socket {}",
                     figure_at(report, "limits.memory_copy_bytes_per_s", Unit::bytes_per_s),
                     figure_at(report, "limits.tcp_bytes_per_s", Unit::bytes_per_s),
                     figure_at(report, "limits.unix_socket_bytes_per_s", Unit::bytes_per_s));
}

std::string harness_line(const Json& report) {
  for (const Json& run : list_at(report, "runs")) {
    const auto overhead = number_at(run, "harness.overhead_ns_per_request");
    if (overhead) return figure_text(overhead, Unit::nanoseconds) + " per request, measured with null:";
  }
  return {};
}

std::vector<std::string> warning_lines(const Json& report) {
  const Json& runs = list_at(report, "runs");
  std::vector<std::string> lines;
  for (const Json& warning : list_at(report, "warnings")) lines.push_back(figure_text(&warning, Unit::text));
  std::map<std::string, std::vector<std::string>> rows_of;
  std::vector<std::string> order;
  for (const Json& run : runs) {
    for (const Json& warning : list_at(run, "warnings")) {
      const std::string text = figure_text(&warning, Unit::text);
      if (rows_of[text].empty()) order.push_back(text);
      rows_of[text].push_back(backend_name(run));
    }
  }
  for (const std::string& text : order) {
    const bool all = rows_of[text].size() == runs.size() && runs.size() > 1;
    lines.push_back(all ? text : fmt::format("{} ({})", text, joined(rows_of[text], ", ")));
  }
  for (const Json& run : runs) {
    if (!text_at(run, "skipped").empty()) lines.push_back(backend_name(run) + " skipped: " + text_at(run, "skipped"));
    for (const Json& example : list_at(run, "errors.examples")) {
      lines.push_back(fmt::format("{} ({})", figure_text(&example, Unit::text), backend_name(run)));
    }
  }
  return lines;
}

}  // namespace kv
