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

/// What the reader must know before believing the row.
std::vector<std::string> run_warnings(const RunResult& run) {
  constexpr double kTolerated = 1.1;
  std::vector<std::string> warnings = run.warnings;
  if (run.skipped) return warnings;
  if (run.scaled) {
    warnings.emplace_back("payloads are scaled down: hits and counts hold, times are not TTFT and are not judged");
  }
  const Repetition* first = nullptr;
  double least = 0, most = 0;
  bool hits_differ = false;
  for (const Repetition& repetition : run.repetitions) {
    if (repetition.interrupted) continue;
    const double mean = repetition.ttft.mean();
    if (first == nullptr) first = &repetition, least = most = mean;
    hits_differ = hits_differ || !same_hits(first->counts, repetition.counts);
    least = std::min(least, mean), most = std::max(most, mean);
  }
  if (hits_differ) {
    warnings.emplace_back(
        "repetitions differ in their hits: the counts shown are those of the first; see repetitions[]");
  }
  if (!run.scaled && least > 0 && most > kTolerated * least) {
    warnings.push_back(fmt::format("repetitions disagree: mean TTFT from {} to {}",
                                   figure_text(least, Unit::nanoseconds), figure_text(most, Unit::nanoseconds)));
  }
  return warnings;
}

Json repetition_row(const Figures& figures) {
  Json row = Json::object();
  for (const Field& field : fields()) {
    if (field.per_repetition) put(row, field.path, field.get(figures));
  }
  return row;
}

Json run_row(const RunResult& run) {
  Json row = Json::object();
  const Figures figures = figures_of(run);
  for (const Field& field : fields()) put(row, field.path, field.get(figures));
  row["warnings"] = run_warnings(run);
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
  report["warnings"] = warnings;
  report["runs"] = Json::array();
  for (const RunResult& run : runs) report["runs"].push_back(run_row(run));
  return report;
}

}  // namespace kv
