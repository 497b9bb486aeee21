#include "report/render_parts.hpp"

namespace kv {
namespace {

constexpr std::size_t kTitle = 10;  // columns of "workload" and a gap

/// RFC 4180; a text that a spreadsheet would take for a formula is left as it is: the file is for programs.
std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace

std::string titled(const Paint& paint, std::string_view title, std::string_view text, std::size_t width) {
  if (text.empty()) return {};
  return paint.dim(padded(title, kTitle, Align::left)) + wrapped(text, width, kTitle, kTitle) + "\n";
}

std::string left_out_text(const TableLines& lines, const Paint& paint, std::size_t width) {
  if (lines.left_out.empty()) return {};
  return paint.dim(wrapped(fmt::format("(too narrow for: {}; --format json has all)", fmt::join(lines.left_out, ", ")),
                           width)) +
         "\n";
}

std::string csv_value(const Json* value) {
  if (value == nullptr || value->is_null()) return {};
  if (value->is_string() || value->is_array()) return csv_cell(figure_text(value, Unit::text));
  return value->dump();
}

std::string markdown_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      if (std::string_view("|\\`*_[]").find(c) != std::string_view::npos) out += '\\';
      out += c == '\n' ? ' ' : c;
    }
  }
  return out;
}

std::string json_text(const Json& document) {
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string markdown_table(const Table& table) {
  std::string headings, rule, rows;
  for (const Column& column : table.columns) {
    headings += "| " + markdown_text(column.heading) + " ";
    rule += column.align == Align::left ? "| --- " : "| ---: ";
  }
  for (const auto& row : table.rows) {
    for (const std::string& cell : row) rows += "| " + markdown_text(cell) + " ";
    rows += "|\n";
  }
  return headings + "|\n" + rule + "|\n" + rows;
}

}  // namespace kv
