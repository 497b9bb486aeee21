#include "report/report.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <vector>

#include "commands.hpp"
#include "common/output.hpp"

namespace kvtool {
namespace {

struct Options {
  std::vector<std::string> files;
  Output output;
};

/// Several reports in one output: a JSON list, one CSV with one header, tables one below the other.
std::string render_all(const std::vector<kv::Json>& reports, kv::Format format, const kv::Style& style) {
  if (format == kv::Format::json && reports.size() > 1) return kv::render(kv::Json(reports), format);
  std::string out;
  for (const kv::Json& report : reports) {
    const std::string text = kv::render(report, format, style);
    const bool again = !out.empty();
    if (again && format != kv::Format::csv) out += "\n";
    out += again && format == kv::Format::csv ? text.substr(text.find('\n') + 1) : text;
  }
  return out;
}

int report(const Options& options) {
  const auto format = kv::parse_format(options.output.format);
  if (!format) return fail(format.error());
  std::vector<kv::Json> reports;
  for (const std::string& file : options.files) {
    auto read = kv::read_reports(file);
    if (!read) return fail(read.error());
    for (kv::Json& report : *read) reports.push_back(std::move(report));
  }
  const kv::Style style = options.output.path.empty() ? terminal_style() : kv::Style{};
  const auto written = write_output(render_all(reports, *format, style), options.output.path);
  return written ? 0 : fail(written.error());
}

}  // namespace

void add_report(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("report", "Reprint reports that kvbench run wrote, in any format");
  const auto options = std::make_shared<Options>();
  command->add_option("FILE", options->files, "Reports (JSON)")->required();
  add_output_options(*command, options->output);
  command->footer("Example:\n  kvbench report run.json --format markdown >> notes.md");
  command->callback([options, &exit_code] { exit_code = report(*options); });
}

}  // namespace kvtool
