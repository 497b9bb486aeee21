#include "profile/fit.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/parse.hpp"
#include "commands.hpp"
#include "common/output.hpp"
#include "common/workload_input.hpp"
#include "profile/fitted_text.hpp"
#include "report/fit_document.hpp"

namespace kvtool {
namespace {

constexpr int kTargetMissed = 3;

struct Options {
  WorkloadOptions workload;
  std::string profile, format = "table";
  std::uint64_t compare_seed = 20'261;  // other than gen's, so that nothing is fitted to one seed
  bool strict = false;
};

int fit(const CLI::App& command, const Options& o, const std::vector<std::string>& command_line) {
  const auto format = kv::parse_format(o.format);
  if (!format) return fail(format.error());
  if (o.profile == "-") {
    return fail({kv::Code::bad_input, "-o -: the comparison goes to stdout", "name a file for the profile"});
  }
  if (const auto writable = check_output(o.profile); !writable) return fail(writable.error());
  auto input = load_workload(o.workload);
  if (!input) return fail(input.error());
  const auto profile = kv::fit_profile(input->workload);
  if (!profile) return fail(in_option(o.workload.path.c_str(), profile.error()).value());
  const std::string text = kv::format_fitted(*profile);
  // What is compared is what the file says, as gen will read it.
  const auto generator = kv::parse_profile(text, o.profile);
  if (!generator) return fail(generator.error());
  const auto made = kv::generate_workload(**generator, {o.compare_seed, std::nullopt});
  if (!made) return fail(made.error());
  const kv::Fit result{o.profile, text.size(), profile->strata.size(), o.compare_seed,
                       kv::compare_workloads(input->workload, *made)};

  kv::WorkloadDocument head;
  head.tool = "kvtrace";
  head.command_line = command_line;
  head.config = options_in_effect(command);
  head.path = o.workload.path;
  head.workload = kv::summarize(input->workload);
  head.ideal = kv::ideal_hits(input->workload);
  head.workload_extra = workload_notes(*input);
  head.warnings = input->warnings;
  if (input->sample_error) head.warnings.push_back(sample_note(*input->sample_error));
  const kv::Json document = kv::make_fit_document(std::move(head), result);
  if (const auto written = write_output(text, o.profile); !written) return fail(written.error());
  if (const auto written = write_output(kv::render_fit(document, *format, terminal_style()), ""); !written) {
    return fail(written.error());
  }
  if (result.likeness.holds()) return 0;
  say(fmt::format("kvtrace: {} of {} figures are not within their tolerance\n", result.likeness.failures(),
                  result.likeness.figures.size()));
  return o.strict ? kTargetMissed : 0;
}

}  // namespace

void add_fit(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("fit", "Makes a profile of a trace that may be published, for gen");
  add_workload_options(*command, options->workload);
  command
      ->add_option("-o,--output", options->profile, "Profile to write, at most 64 KiB: no ids, prompts or timestamps")
      ->required();
  command->add_option("--format", options->format, "Of the comparison: table, json, csv, markdown")
      ->capture_default_str();
  command->add_option("--compare-seed", options->compare_seed, "Seed of the workload that is compared with the trace")
      ->transform(count())
      ->capture_default_str();
  command->add_flag("--strict", options->strict, "Exit with 3 if a figure is not within its tolerance");
  command->footer("Example: kvtrace fit trace.jsonl -o mine.toml && kvtrace gen mine.toml -o like_mine.jsonl --seed 7");
  command->callback(
      [command, options, command_line, &exit_code] { exit_code = fit(*command, *options, command_line); });
}

}  // namespace kvtool
