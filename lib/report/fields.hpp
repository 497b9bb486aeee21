#pragma once
#include <functional>
#include <span>
#include <string>

#include "report/report.hpp"

namespace kv {

enum class Unit {
  flag,
  text,
  texts,
  count,
  bytes,
  nanoseconds,
  seconds,
  ratio,
  factor,
  bytes_per_s,
  per_s,
  ns_per_byte,
  usd,
  amount,  ///< a number of what its name says
};
enum class Role { identity, metric, context };
enum class Better { neither, higher, lower };

/// What a run's figures are made of. Counts are those of one repetition (all repetitions of a run see the same
/// requests), errors and times are taken over all of them.
struct Figures {
  const RunResult& run;
  bool measured = false;  ///< false: the row was skipped, and every metric of it is null
  Counts counts;          ///< of the first repetition; errors summed
  Repetition merged;      ///< samples, seconds and counts of all of them
};
Figures figures_of(const RunResult& run);
/// Those of one repetition alone.
Figures figures_of(const RunResult& run, std::size_t repetition);

/// One row of the one field table: where a figure stands in `.runs[]`, what it means, and how it is made. JSON, table,
/// CSV, Markdown, schema, docs/report.md and compare are driven by it.
struct Field {
  std::string path;  ///< "hits.token_hit_rate"
  Unit unit;
  Role role;
  Better better;
  bool portable;        ///< means the same on any machine
  bool per_repetition;  ///< also in `.runs[].repetitions[]`, under the same path
  std::string heading;  ///< column title in the table, '\n' between its lines; empty: not shown there
  std::string meaning;
  std::function<Json(const Figures&)> get;
};
std::span<const Field> fields();

/// The same for what stands outside `.runs[]`.
struct ContextField {
  std::string path;
  Unit unit;
  std::string meaning;
  std::function<Json(const ReportContext&)> get;
};
std::span<const ContextField> context_fields();

/// JSON Schema (draft 7) of the document, and the tables of docs/report.md; both are kept equal to the files by a test.
Json report_schema();
std::string fields_markdown();

}  // namespace kv
