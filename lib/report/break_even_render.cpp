#include <algorithm>
#include <set>

#include "report/break_even_document.hpp"
#include "report/render_parts.hpp"

namespace kv {
namespace {

bool of_workload(const BreakEvenField& field) { return field.path.starts_with("workload."); }

/// What tells rows apart stands in both tables.
bool names_row(const BreakEvenField& field) { return field.unit == Unit::text; }

std::string cell(const Json& row, const BreakEvenField& field) {
  if (field.unit != Unit::bytes_per_s) return figure_text(find(row, field.path), field.unit);
  const auto rate = number_at(row, field.path);  // the heading has the unit
  return rate ? fmt::format("{:.3g}", *rate / 1e9) : "-";
}

/// Columns with a heading, of which some row knows the figure: those about a workload, or the others.
Table table_of(const Json& rows, bool workload) {
  Table table;
  table.rows.resize(rows.size());
  const auto known = [](const Json& row, const std::string& path) {
    const Json* value = find(row, path);
    return value != nullptr && !value->is_null();
  };
  for (const BreakEvenField& field : break_even_fields()) {
    if (field.heading.empty() || (of_workload(field) != workload && !names_row(field))) continue;
    // What was looked for stands there even where nothing was found.
    const std::string sought = field.path == "break_even_tokens" ? "fetch_ns" : field.path;
    if (std::none_of(rows.begin(), rows.end(), [&](const Json& row) { return known(row, sought); })) continue;
    const bool text = field.unit == Unit::text;
    table.columns.push_back({field.heading, text ? Align::left : Align::right, text ? std::size_t{8} : std::size_t{0}});
    for (std::size_t i = 0; i < rows.size(); ++i) table.rows[i].push_back(cell(rows[i], field));
  }
  return table;
}

/// The rows' tables: break-even, and what it means for the workload where there is one.
std::vector<Table> tables_of(const Json& document) {
  const Json& rows = list_at(document, "rows");
  std::vector<Table> out{table_of(rows, false)};
  const auto gained = [](const Json& row) { return number_at(row, "workload.recompute_ns").has_value(); };
  if (std::any_of(rows.begin(), rows.end(), gained)) out.push_back(table_of(rows, true));
  return out;
}

std::string engine_of(const Json& row) {
  return fmt::format("{}, {}, codec {}", text_at(row, "model"), text_at(row, "prefill.device"), text_at(row, "codec"));
}

/// The sweep of one engine: round trips down, bandwidths across.
struct Sweep {
  std::string engine;
  Table table;
};

std::string gbit_text(double bytes_per_s) { return fmt::format("{:.4g}\nGb/s", bytes_per_s * 8 / 1e9); }

std::vector<Sweep> sweeps_of(const Json& document) {
  std::vector<Sweep> out;
  double latency = -1;
  for (const Json& row : list_at(document, "sweep")) {
    if (out.empty() || out.back().engine != engine_of(row)) {
      out.push_back({engine_of(row), {}});
      out.back().table.columns.push_back({"latency", Align::right, 0});
      latency = -1;
    }
    Table& table = out.back().table;
    if (const double now = number_at(row, "latency_ns").value_or(0); now != latency) {
      latency = now;
      table.rows.push_back({figure_text(now, Unit::nanoseconds)});
    }
    if (table.rows.size() == 1) {
      table.columns.push_back({gbit_text(number_at(row, "bandwidth_bytes_per_s").value_or(0)), Align::right, 0});
    }
    const auto prefix = number_at(row, "break_even_tokens");
    table.rows.back().push_back(prefix ? figure_text(prefix, Unit::count) : "never");
  }
  return out;
}

std::string ratio_at(const Json& row, const char* path) { return figure_text(find(row, path), Unit::ratio); }

/// What a row says, in a sentence; "" for one that has nothing to decide.
std::string finding(const Json& row) {
  const std::string name = text_at(row, "backend");
  const auto fetch = number_at(row, "fetch_ns"), recompute = number_at(row, "recompute_ns");
  if (!fetch || !recompute) return {};
  const auto prefix = number_at(row, "break_even_tokens");
  std::string text =
      fmt::format("{} from {} ({}, {}) with {}: ", text_at(row, "model"), name,
                  figure_text(find(row, "latency_ns"), Unit::nanoseconds),
                  figure_text(find(row, "bandwidth_bytes_per_s"), Unit::bytes_per_s), text_at(row, "codec"));
  if (prefix) {
    text += fmt::format("fetching beats recomputing on {} from {} tokens on", text_at(row, "gpu"),
                        figure_text(prefix, Unit::count));
  } else {
    text += fmt::format(
        "recomputing on {} is faster at {} tokens, the longest looked at: {} tokens take {} to fetch and {} to compute",
        text_at(row, "gpu"), figure_text(find(row, "longest_tokens"), Unit::count),
        figure_text(find(row, "prefix_tokens"), Unit::count), figure_text(fetch, Unit::nanoseconds),
        figure_text(recompute, Unit::nanoseconds));
  }
  if (!number_at(row, "workload.winning_requests_share")) return text + ".";
  return text + fmt::format("; of this workload {} of the requests and {} of the tokens win.",
                            ratio_at(row, "workload.winning_requests_share"),
                            ratio_at(row, "workload.winning_tokens_share"));
}

/// What every figure rests on: said in every form but CSV, which has the columns.
std::vector<std::string> grounds(const Json& document) {
  std::vector<std::string> out;
  std::set<std::string> said;
  for (const Json& row : list_at(document, "rows")) {
    const std::string device = text_at(row, "prefill.device"), provenance = text_at(row, "prefill.provenance");
    if (!said.insert(device).second) continue;
    std::string text = provenance == "modelled" ? "Recomputation is modelled, not measured: " + device
                                                : fmt::format("Recomputation is {}: {}", provenance, device);
    const auto low = number_at(row, "prefill.margin_low"), high = number_at(row, "prefill.margin_high");
    if (low && high) {
      text += fmt::format("; it may take {} to {} of that", figure_text(low, Unit::factor),
                          figure_text(high, Unit::factor));
    }
    out.push_back(text + ".");
  }
  return out;
}

std::vector<std::string> sentences(const Json& document) {
  std::vector<std::string> out;
  for (const Json& row : list_at(document, "rows")) {
    if (std::string text = finding(row); !text.empty()) out.push_back(std::move(text));
  }
  const Json& rows = list_at(document, "rows");
  if (!rows.empty()) {
    out.push_back(fmt::format("Times and bandwidths needed are for a prefix of {} tokens.",
                              figure_text(find(rows[0], "prefix_tokens"), Unit::count)));
  }
  const auto rest = grounds(document);
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

std::string table_text(const Table& table, const Paint& paint, std::size_t width) {
  const TableLines lines = lay_out(table, width);
  std::string out;
  for (const std::string& heading : lines.headings) out += paint.bold(heading) + "\n";
  out += paint.dim(std::string(std::min(lines.width, width), '-')) + "\n";
  for (const std::string& row : lines.rows) out += row + "\n";
  return out + left_out_text(lines, paint, width);
}

std::string as_table(const Json& document, const Style& style) {
  const Paint paint(style.colour);
  const std::size_t width = std::clamp<std::size_t>(style.width, 40, 1000);
  std::string out;
  for (const Table& table : tables_of(document)) {
    out += out.empty() ? "" : "\n";
    out += table_text(table, paint, width);
  }
  for (const Sweep& sweep : sweeps_of(document)) {
    out += "\n" + paint.bold(wrapped("break-even prefix in tokens: " + sweep.engine, width, 2)) + "\n";
    out += table_text(sweep.table, paint, width);
  }
  out += "\n";
  for (const std::string& text : sentences(document)) out += wrapped(text, width, 2) + "\n";
  for (const Json& text : list_at(document, "warnings")) {
    out += paint.yellow(wrapped("warning: " + figure_text(&text, Unit::text), width, 2)) + "\n";
  }
  return out;
}

std::string as_csv(const Json& document) {
  std::string out = csv_heading(break_even_fields());
  for (const char* list : {"rows", "sweep"}) out += csv_lines(break_even_fields(), list_at(document, list));
  return out;
}

std::string as_markdown(const Json& document) {
  std::string out;
  for (const Table& table : tables_of(document)) out += markdown_table(table) + "\n";
  for (const Sweep& sweep : sweeps_of(document)) {
    out += "Break-even prefix in tokens: " + markdown_text(sweep.engine) + "\n\n" + markdown_table(sweep.table) + "\n";
  }
  for (const std::string& text : sentences(document)) out += "- " + markdown_text(text) + "\n";
  for (const Json& text : list_at(document, "warnings")) {
    out += "- **warning** " + markdown_text(figure_text(&text, Unit::text)) + "\n";
  }
  return out;
}

}  // namespace

std::string render_break_even(const Json& document, Format format, const Style& style) {
  const auto styled = [&style](const Json& whole) { return as_table(whole, style); };
  return render_as(document, format, styled, as_csv, as_markdown);
}

}  // namespace kv
