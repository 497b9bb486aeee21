#include "stats/stats.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "base/options.hpp"
#include "base/parse.hpp"
#include "commands.hpp"
#include "common/output.hpp"
#include "common/workload_input.hpp"
#include "report/stats_document.hpp"

namespace kvtool {
namespace {

struct Options {
  WorkloadOptions workload;
  Output output;
  std::string window = "1m", ttl, list, isolate = "tenant";
  std::size_t top = 10;
};

kv::Result<kv::Duration> duration_of(const char* option, const std::string& text) {
  const auto parsed = kv::parse_duration(text);
  if (!parsed) return in_option(option, parsed.error());
  if (*parsed > kv::Duration(0) && *parsed <= kv::kMaxOptionDuration) return *parsed;
  return kv::error(kv::Code::bad_input, fmt::format("{} {} is not above 0 and up to a year", option, kv::quote(text)),
                   "as in 1m");
}

/// "10s,5m": ascending, each once.
kv::Result<std::vector<kv::Duration>> ttls_of(const std::string& text) {
  std::vector<kv::Duration> out;
  for (const std::string& one : CLI::detail::split(text, ',')) {
    const auto ttl = duration_of("--ttl", one);
    if (!ttl) return kv::error(ttl);
    out.push_back(*ttl);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

kv::Result<kv::StatsOptions> options_of(const Options& o) {
  kv::StatsOptions out;
  const auto bin = duration_of("--window", o.window);
  if (!bin) return kv::error(bin);
  out.bin = *bin;
  if (!o.ttl.empty()) {
    auto ttls = ttls_of(o.ttl);
    if (!ttls) return kv::error(ttls);
    out.ttls = std::move(*ttls);
  }
  out.top_prefixes = o.top;
  out.isolate = o.isolate == "session" ? kv::Isolate::session : kv::Isolate::tenant;
  return out;
}

int stats(const CLI::App& command, const Options& o, const std::vector<std::string>& command_line) {
  const auto format = kv::parse_format(o.output.format);
  if (!format) return fail(format.error());
  const kv::StatsList* list = nullptr;
  if (!o.list.empty()) {
    const auto found = kv::find_stats_list(o.list);
    if (!found) return fail(in_option("--list", found.error()).value());
    list = *found;
  }
  const auto options = options_of(o);
  if (!options) return fail(options.error());
  if (const auto writable = check_output(o.output.path); !writable) return fail(writable.error());
  auto input = load_workload(o.workload);
  if (!input) return fail(input.error());

  kv::WorkloadDocument head;
  head.tool = "kvtrace";
  head.command_line = command_line;
  head.config = options_in_effect(command);
  head.path = o.workload.path;
  head.workload_extra = workload_notes(*input);
  head.warnings = input->warnings;
  if (input->sample_error) head.warnings.push_back(sample_note(*input->sample_error));
  const kv::Json document = kv::make_stats_document(std::move(head), kv::stats_of(input->workload, *options));
  const kv::Style style = o.output.path.empty() ? terminal_style() : kv::Style{};
  const auto written = write_output(kv::render_stats(document, *format, style, list), o.output.path);
  return written ? 0 : fail(written.error());
}

}  // namespace

void add_stats(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "stats", "Describe a workload: lengths, rate, sharing, reuse, working set, and what caches could hit");
  const auto o = std::make_shared<Options>();
  add_workload_options(*command, o->workload);
  command->add_option("--window", o->window, "Length of a bin of the series over time")
      ->capture_default_str()
      ->type_name("DURATION");
  command->add_option("--ttl", o->ttl, "Sliding TTLs to show hits of, as 10s,5m,1h; the usual ones if not given")
      ->type_name("DURATIONS");
  command->add_option("--top", o->top, "How many shared prefixes to name")
      ->transform(count())
      ->check(CLI::Range(0, 10'000))
      ->capture_default_str();
  command->add_option("--isolate", o->isolate, "Whose caches to keep apart in `isolation`: tenant or session")
      ->check(CLI::IsMember({"tenant", "session"}))
      ->capture_default_str();
  command
      ->add_option("--list", o->list,
                   "Only this list: ttl_points, lru_points, top_prefixes, depths, working_sets or series")
      ->type_name("NAME");
  add_output_options(*command, o->output);
  command->footer(
      "Examples:\n  kvtrace stats workloads/chat.jsonl\n"
      "  kvtrace stats workloads/chat.jsonl --list series --format csv -o minutes.csv");
  command->callback([command, o, command_line, &exit_code] { exit_code = stats(*command, *o, command_line); });
}

}  // namespace kvtool
