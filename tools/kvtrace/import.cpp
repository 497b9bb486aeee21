#include "import/import.hpp"

#include <fmt/format.h>

#include <map>
#include <memory>

#include "base/parse.hpp"
#include "commands.hpp"
#include "common/output.hpp"
#include "common/workload_input.hpp"
#include "import/registry.hpp"
#include "report/import_document.hpp"

namespace kvtool {
namespace {

struct Options {
  std::string path, output, report, from = "auto";
  std::optional<std::uint64_t> object_tokens;
  std::map<std::string, std::string> values;  // of the formats' own options, by key
};

kv::ImportOptions import_options_of(const CLI::App& command, const Options& options) {
  kv::ImportOptions out;
  out.from = options.from;
  if (options.object_tokens) out.object_tokens = kv::Tokens(*options.object_tokens);
  for (const auto& [key, value] : options.values) {
    if (command.count("--" + key) > 0) out.values.emplace_back(key, value);
  }
  return out;
}

int write_report(const Options& options, const kv::ImportContext& context) {
  if (options.report.empty()) return 0;
  const auto written = write_output(kv::make_import_document(context).dump(2) + "\n", options.report);
  return written ? 0 : fail(written.error());
}

int import(const CLI::App& command, const Options& options, const std::vector<std::string>& command_line) {
  if (!options.report.empty()) {
    if (const auto writable = check_output(options.report); !writable) return fail(writable.error());
  }
  auto file = OutputFile::open(options.output);
  if (!file) return fail(file.error());
  const auto sink = kv::packed_sink(*file, options.output);
  const auto imported = kv::import_trace(options.path, import_options_of(command, options), *sink);
  if (!imported) return fail(imported.error());

  const kv::ImportSummary& sum = imported->sum;
  say(fmt::format("{}: {} requests, {} blocks of {} tokens{}\n", imported->format, kv::format_count(sum.requests),
                  kv::format_count(sum.block_refs), sum.block_size.count(),
                  options.output.empty() || options.output == "-" ? "" : ", written to " + options.output));
  for (const std::string& warning : imported->warnings) say("warning: " + warning + "\n");
  for (const auto& [what, how] : imported->assumptions) say(fmt::format("assumed: {}: {}\n", what, how));
  return write_report(options, {command_line, options_in_effect(command), options.output, *imported});
}

std::string formats_help() {
  std::string out = "Format of FILE, one of\n  auto - told by content";
  for (const kv::ImportFormat& format : kv::import_formats()) {
    out += fmt::format("\n  {} - {}", format.name, format.summary);
  }
  return out;
}

void add_format_options(CLI::App& command, Options& options) {
  for (const kv::ImportOption& option : kv::import_options()) {
    const std::string preset = option.row.preset.empty() ? "" : fmt::format(" (default {})", option.row.preset);
    command
        .add_option("--" + option.row.key, options.values[option.row.key],
                    fmt::format("{}{}: {}", option.row.summary, preset, fmt::join(option.formats, ", ")))
        ->type_name(std::string(kv::option_kind_name(option.row.kind)))
        ->group("Options of single formats");
  }
}

}  // namespace

void add_import(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("import", "Makes a Mooncake-format workload of other traces and logs");
  command->add_option("FILE", options->path, "What to import; .gz and .zst too, - for stdin")->required();
  command
      ->add_option("-o,--output", options->output,
                   "Write the trace to this file (.gz and .zst pack it) instead of stdout")
      ->type_name("FILE");
  command->add_option("--from", options->from, formats_help())->capture_default_str()->type_name("NAME");
  command
      ->add_option("--object-tokens", options->object_tokens,
                   "Regroup blocks into objects of this many tokens, as a connector stores them (LMCache 256, vLLM 16)")
      ->transform(count())
      ->check(CLI::Range(1U, 1U << 24));
  command->add_option("--report", options->report, "Write counts, warnings and assumptions to this file, as JSON")
      ->type_name("FILE");
  add_format_options(*command, *options);
  command->footer(
      "Example:\n  kvtrace import AzureLLMInferenceTrace_conv.csv -o azure.jsonl.zst --sharing system=512,hit=0.4");
  command->callback(
      [command, options, command_line, &exit_code] { exit_code = import(*command, *options, command_line); });
}

}  // namespace kvtool
