#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"
#include "report/view.hpp"

namespace kv {
namespace {

/// ANSI colours, or none.
class Paint {
 public:
  explicit Paint(bool on) : on_(on) {}
  std::string bold(std::string_view text) const { return with("1", text); }
  std::string dim(std::string_view text) const { return with("2", text); }
  std::string green(std::string_view text) const { return with("32", text); }
  std::string red(std::string_view text) const { return with("31", text); }
  std::string yellow(std::string_view text) const { return with("33", text); }

 private:
  std::string with(const char* code, std::string_view text) const {
    return on_ && !text.empty() ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
  }
  bool on_;
};

constexpr std::size_t kTitle = 10;  // columns of "workload" and a gap

/// "title     text", wrapped beneath the text.
std::string titled(const Paint& paint, std::string_view title, std::string_view text, std::size_t width) {
  if (text.empty()) return {};
  return paint.dim(padded(title, kTitle, Align::left)) + wrapped(text, width, kTitle, kTitle) + "\n";
}

std::string table_text(const Json& report, const Paint& paint, std::size_t width) {
  const TableLines lines = lay_out(runs_table(report), width);
  const std::vector<int> moods = runs_mood(report);
  std::string out;
  for (const std::string& heading : lines.headings) out += paint.bold(heading) + "\n";
  out += paint.dim(std::string(std::min(lines.width, width), '-')) + "\n";
  for (std::size_t r = 0; r < lines.rows.size(); ++r) {
    const std::string& row = lines.rows[r];
    out += (moods[r] > 0 ? paint.green(row) : moods[r] < 0 ? paint.red(row) : row) + "\n";
  }
  if (!lines.left_out.empty()) {
    out += paint.dim(wrapped(
               fmt::format("(too narrow for: {}; --format json has all)", fmt::join(lines.left_out, ", ")), width)) +
           "\n";
  }
  return out;
}

std::string phases_text(const Json& report, const Paint& paint, std::size_t width) {
  std::string out;
  for (const PhaseLines& line : phase_lines(report)) {
    out += "  " + paint.bold(shorten_middle(line.name, width - 2)) + "\n";
    constexpr std::size_t kIndent = 20;
    for (const auto& [title, text] : {std::pair{"to first token", &line.first_token}, {"store, behind", &line.store}}) {
      if (text->empty()) continue;
      out +=
          "    " + paint.dim(padded(title, kIndent - 4, Align::left)) + wrapped(*text, width, kIndent, kIndent) + "\n";
    }
  }
  if (out.empty()) return out;
  return fmt::format("\n{}\n{}", paint.dim("phases, mean per request and share"), out);
}

std::string render_table(const Json& report, const Style& style) {
  const Paint paint(style.colour);
  const std::size_t width = std::clamp<std::size_t>(style.width, 40, 1000);
  std::string out;
  for (const HeaderLine& line : header_lines(report)) out += titled(paint, line.title, line.text, width);
  out += '\n';
  out += table_text(report, paint, width);
  out += phases_text(report, paint, width);
  out += '\n';
  out += titled(paint, "limits", limits_line(report), width);
  out += titled(paint, "harness", harness_line(report), width);
  for (const std::string& warning : warning_lines(report)) {
    out += paint.yellow(wrapped("warning: " + warning, width, 2)) + "\n";
  }
  return out + "\n" + paint.bold(wrapped(verdict(report), width)) + "\n";
}

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

std::string csv_value(const Json* value) {
  if (value == nullptr || value->is_null()) return {};
  if (value->is_string() || value->is_array()) return csv_cell(figure_text(value, Unit::text));
  return value->dump();
}

std::string render_csv(const Json& report) {
  std::string out;
  for (const Field& field : fields()) out.append(out.empty() ? "" : ",").append(field.path);
  out += "\n";
  for (const Json& run : list_at(report, "runs")) {
    std::string line;
    for (const Field& field : fields()) {
      if (&field != fields().data()) line += ',';
      line += csv_value(find(run, field.path));
    }
    out += line + "\n";
  }
  return out;
}

/// Text of a report must neither break a table nor become HTML.
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

std::string render_markdown(const Json& report) {
  std::string out = markdown_table(runs_table(report)) + "\n" + markdown_text(verdict(report)) + "\n\n";
  for (const std::string& warning : warning_lines(report)) out += "- **warning** " + markdown_text(warning) + "\n";
  out += "\n<details><summary>Machine, workload and phases</summary>\n\n";
  for (const HeaderLine& line : header_lines(report)) {
    if (!line.text.empty()) out += fmt::format("- {}: {}\n", line.title, markdown_text(line.text));
  }
  out += "- limits: " + markdown_text(limits_line(report)) + "\n";
  const std::string harness = harness_line(report);
  if (!harness.empty()) out += "- harness: " + markdown_text(harness) + "\n";
  for (const PhaseLines& line : phase_lines(report)) {
    out += fmt::format("- phases of {}: {}", markdown_text(line.name), markdown_text(line.first_token));
    out += line.store.empty() ? "\n" : "; store, behind: " + markdown_text(line.store) + "\n";
  }
  return out + "\n</details>\n";
}

}  // namespace

Result<Format> parse_format(const std::string& name) {
  const std::vector<std::string> names = {"table", "json", "csv", "markdown"};  // in the order of Format
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<Format>(found - names.begin());
  const auto close = nearest(name, names);
  return error(Code::bad_input, fmt::format("unknown format '{}'", printable(name)),
               close ? fmt::format("did you mean {}?", *close) : "one of table, json, csv, markdown");
}

std::string render(const Json& report, Format format, const Style& style) {
  switch (format) {
    case Format::table:
      return render_table(report, style);
    case Format::json:
      return report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
    case Format::csv:
      return render_csv(report);
    case Format::markdown:
      return render_markdown(report);
  }
  return {};
}

}  // namespace kv
