#include <algorithm>

#include "report/probe_document.hpp"
#include "report/render_parts.hpp"
#include "report/view.hpp"

namespace kv {
namespace {

/// Columns of points: those of errors and of limits only if there are any.
Table points_table(const Json& document) {
  const Json& points = list_at(document, "points");
  Table table;
  table.rows.resize(points.size());
  for (const PointField& field : point_fields()) {
    const auto known = [&field](const Json& point) {
      const Json* value = find(point, field.path);
      return value != nullptr && !value->is_null();
    };
    if (field.heading.empty() || !std::any_of(points.begin(), points.end(), known)) continue;
    table.columns.push_back({field.heading, field.unit == Unit::text ? Align::left : Align::right, 0});
    for (std::size_t i = 0; i < points.size(); ++i) {
      table.rows[i].push_back(figure_text(find(points[i], field.path), field.unit));
    }
  }
  return table;
}

std::vector<HeaderLine> lines_above(const Json& document) {
  std::vector<HeaderLine> lines = header_lines(document);
  std::erase_if(lines, [](const HeaderLine& line) { return line.title != "tool" && line.title != "machine"; });
  std::string server = text_at(document, "backend");
  for (const char* path : {"server.name", "server.version", "server.transport"}) {
    if (const std::string text = text_at(document, path); !text.empty()) server += ", " + text;
  }
  lines.push_back({"server", server});
  return lines;
}

std::string limits_text(const Json& document) {
  const auto rtt = number_at(document, "limits.rtt_ns");
  return limits_line(document) + ", round trip " + figure_text(rtt, Unit::nanoseconds) + " (" +
         text_at(document, "limits.rtt_source") + ")";
}

std::vector<std::string> best_lines(const Json& document) {
  std::vector<std::string> lines;
  for (const char* path : {"best.get.sentence", "best.set.sentence"}) {
    if (std::string text = text_at(document, path); !text.empty()) lines.push_back(std::move(text));
  }
  for (const Json& model : list_at(document, "profile.models")) {
    lines.push_back(fmt::format("{} {}: t(n) = {} + n / {}, off by at most {}", text_at(model, "op"),
                                text_at(model, "codec"), figure_text(number_at(model, "latency_ns"), Unit::nanoseconds),
                                figure_text(number_at(model, "bandwidth_bytes_per_s"), Unit::bytes_per_s),
                                figure_text(number_at(model, "max_relative_residual"), Unit::ratio)));
  }
  return lines;
}

std::vector<std::string> texts_at(const Json& document, std::string_view path) {
  std::vector<std::string> out;
  for (const Json& text : list_at(document, path)) out.push_back(figure_text(&text, Unit::text));
  return out;
}

std::string as_table(const Json& document, const Style& style) {
  const Paint paint(style.colour);
  const std::size_t width = std::clamp<std::size_t>(style.width, 40, 1000);
  std::string out;
  for (const HeaderLine& line : lines_above(document)) out += titled(paint, line.title, line.text, width);
  const TableLines lines = lay_out(points_table(document), width);
  out += "\n";
  for (const std::string& heading : lines.headings) out += paint.bold(heading) + "\n";
  out += paint.dim(std::string(std::min(lines.width, width), '-')) + "\n";
  for (const std::string& row : lines.rows) out += row + "\n";
  out += left_out_text(lines, paint, width) + "\n";
  out += titled(paint, "limits", limits_text(document), width);
  for (const std::string& warning : texts_at(document, "warnings")) {
    out += paint.yellow(wrapped("warning: " + warning, width, 2)) + "\n";
  }
  out += "\n";
  for (const std::string& line : best_lines(document)) out += paint.bold(wrapped(line, width, 2)) + "\n";
  return out;
}

std::string as_csv(const Json& document) {
  return csv_heading(point_fields()) + csv_lines(point_fields(), list_at(document, "points"));
}

std::string as_markdown(const Json& document) {
  std::string out = markdown_table(points_table(document)) + "\n";
  for (const std::string& line : best_lines(document)) out += "- " + markdown_text(line) + "\n";
  for (const std::string& text : texts_at(document, "warnings")) out += "- **warning** " + markdown_text(text) + "\n";
  for (const HeaderLine& line : lines_above(document)) {
    out += fmt::format("- {}: {}\n", line.title, markdown_text(line.text));
  }
  return out + "- limits: " + markdown_text(limits_text(document)) + "\n";
}

}  // namespace

std::string render_probe(const Json& document, Format format, const Style& style) {
  const auto styled = [&style](const Json& whole) { return as_table(whole, style); };
  return render_as(document, format, styled, as_csv, as_markdown);
}

}  // namespace kv
