#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"
#include "report/render_parts.hpp"
#include "report/view.hpp"

namespace kv {
namespace {

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
  return out + left_out_text(lines, paint, width);
}

std::string phases_text(const Json& report, const Paint& paint, std::size_t width) {
  std::string out;
  for (const PhaseLines& line : phase_lines(report)) {
    out += "  " + paint.bold(shorten_middle(line.name, width - 2)) + "\n";
    constexpr std::size_t kIndent = 20;
    for (const auto& [title, text] : {std::pair{"to first token", &line.first_token},
                                      {"store, behind", &line.store},
                                      {"break-even", &line.break_even},
                                      {"fetch policy", &line.policy},
                                      {"logits", &line.logits}}) {
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
  for (const std::string& note : loss_notes(report)) out += wrapped("note: " + note, width, 2) + "\n";
  return out + "\n" + paint.bold(wrapped(verdict(report), width)) + "\n";
}

std::string render_csv(const Json& report) {
  return csv_heading(fields()) + csv_lines(fields(), list_at(report, "runs"));
}

std::string render_markdown(const Json& report) {
  std::string out = markdown_table(runs_table(report)) + "\n" + markdown_text(verdict(report)) + "\n\n";
  for (const std::string& warning : warning_lines(report)) out += "- **warning** " + markdown_text(warning) + "\n";
  for (const std::string& note : loss_notes(report)) out += "- **note** " + markdown_text(note) + "\n";
  out += "\n<details><summary>Machine, workload and phases</summary>\n\n";
  for (const HeaderLine& line : header_lines(report)) {
    if (!line.text.empty()) out += fmt::format("- {}: {}\n", line.title, markdown_text(line.text));
  }
  out += "- limits: " + markdown_text(limits_line(report)) + "\n";
  const std::string harness = harness_line(report);
  if (!harness.empty()) out += "- harness: " + markdown_text(harness) + "\n";
  for (const PhaseLines& line : phase_lines(report)) {
    out += fmt::format("- phases of {}: {}", markdown_text(line.name), markdown_text(line.first_token));
    for (const auto& [title, text] : {std::pair{"store, behind", &line.store},
                                      {"break-even", &line.break_even},
                                      {"fetch policy", &line.policy},
                                      {"logits", &line.logits}}) {
      if (!text->empty()) out += fmt::format("; {}: {}", title, markdown_text(*text));
    }
    out += '\n';
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
  const auto styled = [&style](const Json& whole) { return render_table(whole, style); };
  return render_as(report, format, styled, render_csv, render_markdown);
}

}  // namespace kv
