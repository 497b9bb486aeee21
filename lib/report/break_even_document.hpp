#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plan/break_even.hpp"
#include "report/fields.hpp"

namespace kv {

inline constexpr const char* kBreakEvenSchema = "kvkit.breakeven/1";

/// One way to one engine, and what came out.
struct BreakEvenRow {
  std::string backend;         ///< of a profile; "given"; "sweep"; empty: none, only the bandwidth needed is asked
  std::string backend_source;  ///< "probe profile FILE", "--latency and --bandwidth"
  std::string model, gpu, codec, weight_dtype;
  std::string decode_source;  ///< "measured on this machine, one thread"; empty: nothing is decoded, or it is no matter
  BreakEvenQuestion question;
  BreakEvenAnswer answer;
};

/// What the document is made of. What the rows' questions point to must be there.
struct BreakEvenContext {
  std::vector<std::string> command_line;
  Json config;  ///< an object: every option with its effective value
  std::string workload_path;
  std::optional<WorkloadSummary> workload;
  std::vector<BreakEvenRow> rows, sweep;
  std::vector<std::string> warnings;
};

/// One row of the table of `.rows[]` and `.sweep[]`: JSON, table, CSV, Markdown, schema and docs/breakeven.md are
/// driven by it.
struct BreakEvenField {
  std::string path;
  Unit unit;
  std::string heading;  ///< column title in the table, '\n' between its lines; empty: not shown there
  std::string meaning;
  std::function<Json(const BreakEvenRow&)> get;
};
std::span<const BreakEvenField> break_even_fields();

Json make_break_even_document(const BreakEvenContext& context);
/// Renders what make_break_even_document made; ends with a newline.
std::string render_break_even(const Json& document, Format format, const Style& style = {});

/// JSON Schema (draft 7) and the table of docs/breakeven.md; a test keeps both equal to the files.
Json break_even_schema();
std::string break_even_fields_markdown();

}  // namespace kv
