#include <CLI/CLI.hpp>
#include <memory>

#include "commands.hpp"
#include "common/output.hpp"
#include "report/curve_document.hpp"

namespace kvtool {
namespace {

struct MergeOptions {
  std::vector<std::string> files;
  Output output;
};

int merge(const MergeOptions& options) {
  const auto format = kv::parse_format(options.output.format);
  if (!format) return fail(format.error());
  std::vector<kv::Json> documents;
  for (const std::string& file : options.files) {
    auto document = kv::read_curve(file);
    if (!document) return fail(document.error());
    documents.push_back(std::move(*document));
  }
  const auto merged = kv::merge_curves(documents, options.files);
  if (!merged) return fail(merged.error());
  const kv::Style style = options.output.path.empty() ? terminal_style() : kv::Style{};
  const auto written = write_output(kv::render_curve(*merged, *format, style), options.output.path);
  return written ? 0 : fail(written.error());
}

}  // namespace

void add_merge(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("merge", "One curve from samples that were taken on several machines");
  const auto options = std::make_shared<MergeOptions>();
  command->add_option("FILE", options->files, "What kvplan curve --slice K/N --format json wrote")->required();
  add_output_options(*command, options->output);
  command->footer(
      "Example, each line on a machine of its own:\n"
      "  kvplan curve trace.jsonl --rate 1% --slice 1/2 --format json -o 1.json\n"
      "  kvplan curve trace.jsonl --rate 1% --slice 2/2 --format json -o 2.json\n"
      "and then:\n"
      "  kvplan merge 1.json 2.json");
  command->callback([options, &exit_code] { exit_code = merge(*options); });
}

}  // namespace kvtool
