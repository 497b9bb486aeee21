#include "report/fields.hpp"

namespace kv {
namespace {

Figures empty_figures(const RunResult& run) { return Figures{run, false, {}, {}}; }

}  // namespace

Figures figures_of(const RunResult& run) {
  Figures figures = empty_figures(run);
  if (run.skipped || run.repetitions.empty()) return figures;
  figures.measured = true;
  for (const Repetition& repetition : run.repetitions) {
    figures.merged.merge(repetition);
    figures.merged.wall_s += repetition.wall_s;
  }
  figures.counts = run.repetitions.front().counts;
  for (auto member : {&Counts::failed_requests, &Counts::failed_ops, &Counts::ops, &Counts::corrupt_values}) {
    figures.counts.*member = figures.merged.counts.*member;
  }
  return figures;
}

Figures figures_of(const RunResult& run, std::size_t repetition) {
  Figures figures = empty_figures(run);
  figures.measured = true;
  figures.merged = run.repetitions[repetition];
  figures.counts = figures.merged.counts;
  return figures;
}

}  // namespace kv
