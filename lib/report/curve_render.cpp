#include <algorithm>

#include "report/curve_document.hpp"
#include "report/curve_plot.hpp"
#include "report/document.hpp"
#include "report/render_parts.hpp"

namespace kv {
namespace {

constexpr const char* kTables[] = {"points", "ttl_points", "capacity_ttl_points"};

/// Columns with a heading, of which some row knows the figure.
Table table_of(const Json& rows) {
  Table table;
  table.rows.resize(rows.size());
  for (const CurveField& field : curve_fields()) {
    const auto known = [&](const Json& row) {
      const Json* value = find(row, field.path);
      return value != nullptr && !value->is_null();
    };
    if (field.heading.empty() || !std::any_of(rows.begin(), rows.end(), known)) continue;
    table.columns.push_back({field.heading, field.unit == Unit::text ? Align::left : Align::right, 0});
    for (std::size_t i = 0; i < rows.size(); ++i) {
      table.rows[i].push_back(figure_text(find(rows[i], field.path), field.unit));
    }
  }
  return table;
}

std::string count_at(const Json& document, const char* path) { return figure_text(find(document, path), Unit::count); }
std::string ratio_at(const Json& document, const char* path) { return figure_text(find(document, path), Unit::ratio); }

std::string size_text(const Json& place) {
  std::string text = count_at(place, "capacity_blocks") + " blocks";
  if (number_at(place, "capacity_bytes")) text += " (" + figure_text(find(place, "capacity_bytes"), Unit::bytes) + ")";
  return text;
}

std::string workload_text(const Json& document) {
  return fmt::format("{}: {} requests, {} of {} tokens, {} different", text_at(document, "workload.path"),
                     count_at(document, "workload.requests"), count_at(document, "workload.block_refs") + " blocks",
                     count_at(document, "workload.block_size"), count_at(document, "workload.unique_blocks"));
}

/// What there is to learn from the curve, in sentences.
std::vector<std::string> findings(const Json& document) {
  std::vector<std::string> out;
  if (number_at(document, "ideal.token_hit_rate")) {
    out.push_back(fmt::format("No cache serves more than {} of the tokens: the others are new.",
                              ratio_at(document, "ideal.token_hit_rate")));
  }
  std::string policy;
  for (const Json& knee : list_at(document, "knees")) {
    if (text_at(knee, "policy") == policy) continue;  // the sharpest of each
    policy = text_at(knee, "policy");
    out.push_back(fmt::format("{} bends at {}: {} of the tokens; beyond, more memory buys less.", policy,
                              size_text(knee), ratio_at(knee, "token_hit_rate")));
  }
  for (const Json& target : list_at(document, "targets")) {
    const std::string wanted = ratio_at(target, "wanted_token_hit_rate");
    out.push_back(
        flag_at(target, "reached")
            ? fmt::format("{} of the tokens take {} with {}.", wanted, size_text(target), text_at(target, "policy"))
            : fmt::format("{} of the tokens are out of reach with {}.", wanted, text_at(target, "policy")));
  }
  return out;
}

std::vector<std::string> warnings(const Json& document) {
  std::vector<std::string> out;
  for (const Json& text : list_at(document, "warnings")) out.push_back(figure_text(&text, Unit::text));
  return out;
}

std::string table_text(const Json& rows, const Paint& paint, std::size_t width) {
  if (rows.empty()) return {};
  const TableLines lines = lay_out(table_of(rows), width);
  std::string out = "\n";
  for (const std::string& heading : lines.headings) out += paint.bold(heading) + "\n";
  out += paint.dim(std::string(std::min(lines.width, width), '-')) + "\n";
  for (const std::string& row : lines.rows) out += row + "\n";
  return out + left_out_text(lines, paint, width);
}

std::string as_table(const Json& document, const Style& style) {
  const Paint paint(style.colour);
  const std::size_t width = std::clamp<std::size_t>(style.width, 40, 1000);
  std::string out = titled(paint, "workload", workload_text(document), width);
  out += titled(paint, "model", text_at(document, "config.resolved.summary"), width);
  out += curve_plot(document, width);
  for (const char* table : kTables) out += table_text(list_at(document, table), paint, width);
  out += "\n";
  for (const std::string& line : findings(document)) out += paint.bold(wrapped(line, width, 2)) + "\n";
  for (const std::string& text : warnings(document)) out += paint.yellow(wrapped("warning: " + text, width, 2)) + "\n";
  return out;
}

/// All points in one table: those without a bound have no capacity_blocks, those without a TTL no ttl_s.
std::string as_csv(const Json& document) {
  std::string out = csv_heading(curve_fields());
  for (const char* table : kTables) out += csv_lines(curve_fields(), list_at(document, table));
  return out;
}

std::string as_markdown(const Json& document) {
  std::string out;
  for (const char* table : kTables) {
    const Json& rows = list_at(document, table);
    if (!rows.empty()) out += markdown_table(table_of(rows)) + "\n";
  }
  for (const std::string& line : findings(document)) out += "- " + markdown_text(line) + "\n";
  for (const std::string& text : warnings(document)) out += "- **warning** " + markdown_text(text) + "\n";
  out += "- workload: " + markdown_text(workload_text(document)) + "\n";
  const std::string model = text_at(document, "config.resolved.summary");
  return model.empty() ? out : out + "- model: " + markdown_text(model) + "\n";
}

}  // namespace

std::string render_curve(const Json& document, Format format, const Style& style) {
  const auto styled = [&style](const Json& whole) { return as_table(whole, style); };
  return render_as(document, format, styled, as_csv, as_markdown);
}

}  // namespace kv
