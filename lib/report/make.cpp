#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"
#include "report/document.hpp"

namespace kv {
namespace {

bool same_hits(const Counts& a, const Counts& b) {
  return a.block_hits == b.block_hits && a.token_hits == b.token_hits && a.block_refs == b.block_refs &&
         a.requests_with_hit == b.requests_with_hit && a.engine_block_hits == b.engine_block_hits;
}

/// A time of one repetition that is to be about the same in all of them; 0: not to be compared.
struct Compared {
  std::string_view name;
  double (*ns_per_request)(const Repetition&);
};

/// What was measured is compared on its own: beside a modelled prefill of a second it would not be seen in TTFT.
double per_request(const Repetition& r, double measured_s) {
  constexpr double kTooShortToTell = 0.01;
  return measured_s < kTooShortToTell || r.ttft.count() == 0 ? 0
                                                             : measured_s * 1e9 / static_cast<double>(r.ttft.count());
}
constexpr Compared kCompared[] = {
    {"mean TTFT", [](const Repetition& r) { return r.ttft.mean(); }},
    {"fetching per request", [](const Repetition& r) { return per_request(r, r.fetch_s); }},
    {"storing per request", [](const Repetition& r) { return per_request(r, r.store_s); }},
};

void warn_of_disagreement(std::span<const Repetition* const> whole, std::vector<std::string>& warnings) {
  constexpr double kTolerated = 1.1;
  for (const Compared& time : kCompared) {
    double least = 0, most = 0;
    for (const Repetition* repetition : whole) {
      const double value = time.ns_per_request(*repetition);
      least = repetition == whole.front() ? value : std::min(least, value);
      most = std::max(most, value);
    }
    if (least <= 0 || most <= kTolerated * least) continue;
    warnings.push_back(fmt::format("repetitions disagree: {} from {} to {}", time.name,
                                   figure_text(least, Unit::nanoseconds), figure_text(most, Unit::nanoseconds)));
  }
}

void warn_of_expiry(const RunResult& run, std::vector<std::string>& warnings) {
  std::uint64_t expired = 0;
  for (const Repetition& repetition : run.repetitions) {
    expired += repetition.counts.lifetimes.expired_lookups.value_or(0);
  }
  if (expired == 0) return;
  warnings.push_back(fmt::format(
      "{} lookups of blocks were in vain because their ttl had passed: raise ttl= or use ttl_mode=sliding", expired));
}

/// What the reader must know before believing the row.
std::vector<std::string> run_warnings(const RunResult& run, const Machine& machine) {
  std::vector<std::string> warnings = run.warnings;
  if (run.skipped) return warnings;
  if (run.scaled) {
    warnings.emplace_back("payloads are scaled down: hits and counts hold, times are not TTFT and are not judged");
  }
  if (machine.cores != 0 && run.workers > machine.cores) {
    warnings.push_back(
        fmt::format("{} workers share {} cores: each waits while others make and verify payloads, which lengthens what "
                    "it measures; for times use --mode closed:{} or less",
                    run.workers, machine.cores, machine.cores));
  }
  std::vector<const Repetition*> whole;
  for (const Repetition& repetition : run.repetitions) {
    if (!repetition.interrupted) whole.push_back(&repetition);
  }
  const auto differs = [&whole](const Repetition* r) { return !same_hits(whole.front()->counts, r->counts); };
  if (std::any_of(whole.begin(), whole.end(), differs)) {
    warnings.emplace_back(
        "repetitions differ in their hits: the counts shown are those of the first; see repetitions[]");
  }
  if (!run.scaled) warn_of_disagreement(whole, warnings);
  warn_of_expiry(run, warnings);
  return warnings;
}

Json repetition_row(const Figures& figures) {
  Json row = Json::object();
  for (const Field& field : fields()) {
    if (field.per_repetition) put(row, field.path, field.get(figures));
  }
  return row;
}

Json run_row(const RunResult& run, const Machine& machine) {
  Json row = Json::object();
  const Figures figures = figures_of(run);
  for (const Field& field : fields()) put(row, field.path, field.get(figures));
  row["warnings"] = run_warnings(run, machine);
  row["repetitions"] = Json::array();
  for (std::size_t r = 0; figures.measured && r < run.repetitions.size(); ++r) {
    row["repetitions"].push_back(repetition_row(figures_of(run, r)));
  }
  return row;
}

}  // namespace

Json make_report(const ReportContext& context, std::span<const RunResult> runs) {
  Json report = Json::object();
  for (const ContextField& field : context_fields()) put(report, field.path, field.get(context));
  if (context.workload_extra.is_object()) report["workload"].update(context.workload_extra);
  report["config"] = context.config.is_object() ? context.config : Json::object();
  std::vector<std::string> warnings = context.warnings;
  for (std::string& warning : machine_warnings(context.machine)) {
    if (std::find(warnings.begin(), warnings.end(), warning) == warnings.end()) warnings.push_back(std::move(warning));
  }
  if (!context.limits.memory_copy || !context.limits.tcp || !context.limits.unix_socket) {
    warnings.emplace_back(
        "a limit could not be measured in its share of half a second: the machine is too busy for it");
  }
  report["warnings"] = warnings;
  report["runs"] = Json::array();
  for (const RunResult& run : runs) report["runs"].push_back(run_row(run, context.machine));
  return report;
}

}  // namespace kv
