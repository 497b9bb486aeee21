#include "report/break_even_document.hpp"

#include <fmt/format.h>

#include "base/version.hpp"
#include "report/schema_parts.hpp"

namespace kv {
namespace {

bool is_of_head(const ContextField& field) {
  return field.path.starts_with("workload.") || field.path.starts_with("tool.") || field.path == "command_line";
}

Json rows_of(const std::vector<BreakEvenRow>& rows) {
  Json out = Json::array();
  for (const BreakEvenRow& row : rows) {
    Json& json = out.emplace_back(Json::object());
    for (const BreakEvenField& field : break_even_fields()) put(json, field.path, field.get(row));
  }
  return out;
}

Json rows_schema(const char* meaning) {
  Json row = empty_object();
  for (const BreakEvenField& field : break_even_fields()) add_leaf(row, field.path, described(field));
  return {{"type", "array"}, {"description", meaning}, {"items", std::move(row)}};
}

}  // namespace

Json make_break_even_document(const BreakEvenContext& c) {
  ReportContext head;
  head.command_line = c.command_line;
  head.machine = describe_machine();
  head.workload_path = c.workload_path;
  if (c.workload) head.workload = *c.workload;
  Json out = {{"schema", kBreakEvenSchema}};
  for (const ContextField& field : context_fields()) {
    if (!is_of_head(field)) continue;
    const bool unknown = !c.workload && field.path.starts_with("workload.");
    put(out, field.path, unknown ? Json(nullptr) : field.get(head));
  }
  put(out, "tool.name", "kvplan");
  out["config"] = c.config.is_object() ? c.config : Json::object();
  out["warnings"] = c.warnings;
  out["rows"] = rows_of(c.rows);
  out["sweep"] = rows_of(c.sweep);
  return out;
}

Json break_even_schema() {
  Json out = {{"$schema", "http://json-schema.org/draft-07/schema#"},
              {"title", "From when on fetching KV beats recomputing it"},
              {"description", "Unknown figures are null. Names carry their unit. New names may be added."}};
  out.update(empty_object());
  out["$id"] = "kvkit.breakeven-1.schema.json";
  add_leaf(out, "schema", {{"const", kBreakEvenSchema}});
  for (const ContextField& field : context_fields()) {
    if (!is_of_head(field)) continue;
    Json leaf = described(field);
    // Of no workload nothing is known, lists and flags included.
    if (field.path.starts_with("workload.") && leaf["type"].is_string()) leaf["type"] = {leaf["type"], "null"};
    add_leaf(out, field.path, std::move(leaf));
  }
  add_leaf(out, "config", {{"type", "object"}, {"description", "every option with its effective value"}});
  add_leaf(out, "warnings", texts("what makes figures doubtful"));
  add_leaf(out, "rows", rows_schema("each backend with each model, GPU and codec"));
  add_leaf(out, "sweep", rows_schema("each model, GPU and codec at round trips of 0.1 to 50 ms and 10 to 400 Gb/s"));
  return out;
}

std::string break_even_fields_markdown() {
  std::string out = "| name | unit | meaning |\n| --- | --- | --- |\n";
  for (const BreakEvenField& field : break_even_fields()) {
    out += fmt::format("| `{}` | {} | {} |\n", field.path, unit_name(field.unit), field.meaning);
  }
  return out;
}

}  // namespace kv
