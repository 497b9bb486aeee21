#include "report/import_document.hpp"

#include <functional>

#include "base/version.hpp"
#include "report/document.hpp"
#include "report/schema_parts.hpp"

namespace kv {
namespace {

/// One row of the document: value and schema are driven by it.
struct ImportField {
  std::string path;
  Unit unit;
  std::string meaning;
  std::function<Json(const ImportContext&)> get;
};

ImportField count(std::string path, Unit unit, std::string meaning, std::uint64_t ImportSummary::*figure) {
  return {std::move(path), unit, std::move(meaning),
          [figure](const ImportContext& c) { return Json(c.imported.sum.*figure); }};
}

const std::vector<ImportField>& import_fields() {
  static const std::vector<ImportField> kFields = {
      {"schema", Unit::text, "kvkit.import/1", [](const ImportContext&) { return Json(kImportSchema); }},
      {"tool.name", Unit::text, "kvtrace", [](const ImportContext&) { return Json("kvtrace"); }},
      {"tool.version", Unit::text, "of kvkit", [](const ImportContext&) { return Json(version().version); }},
      {"command_line", Unit::texts, "as it was typed", [](const ImportContext& c) { return Json(c.command_line); }},
      {"source", Unit::text, "what was imported", [](const ImportContext& c) { return Json(c.imported.source); }},
      {"format", Unit::text, "its format", [](const ImportContext& c) { return Json(c.imported.format); }},
      {"detected", Unit::flag, "the format was told by content",
       [](const ImportContext& c) { return Json(c.imported.detected); }},
      {"output", Unit::text, "where the trace was written", [](const ImportContext& c) { return Json(c.output); }},
      count("trace.requests", Unit::count, "requests written", &ImportSummary::requests),
      {"trace.span_ms", Unit::count, "time from the first arrival to the last",
       [](const ImportContext& c) {
         const ImportSummary& sum = c.imported.sum;
         if (!sum.arrivals_known) return Json(nullptr);
         return Json(std::chrono::duration_cast<std::chrono::milliseconds>(sum.span).count());
       }},
      count("trace.input_tokens", Unit::count, "tokens of all prompts", &ImportSummary::input_tokens),
      {"trace.output_tokens", Unit::count, "tokens of all outputs",
       [](const ImportContext& c) {
         return c.imported.sum.outputs_known ? Json(c.imported.sum.output_tokens) : Json(nullptr);
       }},
      count("trace.max_input_tokens", Unit::count, "tokens of the longest prompt", &ImportSummary::max_input_tokens),
      {"trace.block_size", Unit::count, "tokens in a block of the trace",
       [](const ImportContext& c) { return Json(c.imported.sum.block_size.count()); }},
      {"trace.source_block_size", Unit::count, "tokens in a block before --object-tokens",
       [](const ImportContext& c) { return Json(c.imported.sum.source_block_size.count()); }},
      count("trace.block_refs", Unit::count, "blocks of all prompts", &ImportSummary::block_refs),
      count("trace.sorted_requests", Unit::count,
            "requests that came later in the source than one that arrived after them", &ImportSummary::sorted_requests),
      {"warnings", Unit::texts, "what makes the trace doubtful",
       [](const ImportContext& c) { return Json(c.imported.warnings); }},
  };
  return kFields;
}

}  // namespace

Json make_import_document(const ImportContext& context) {
  Json out = Json::object();
  for (const ImportField& field : import_fields()) put(out, field.path, field.get(context));
  out["config"] = context.config.is_object() ? context.config : Json::object();
  out["assumptions"] = Json::array();
  for (const auto& [what, how] : context.imported.assumptions)
    out["assumptions"].push_back({{"what", what}, {"how", how}});
  return out;
}

Json import_schema() {
  Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                 {"$id", "kvkit.import-1.schema.json"},
                 {"title", "A report of kvtrace import"},
                 {"description", "Unknown figures are null. Names carry their unit. New names may be added."}};
  schema.update(empty_object());
  for (const ImportField& field : import_fields()) add_leaf(schema, field.path, described(field));
  schema["properties"]["schema"]["const"] = kImportSchema;
  add_leaf(schema, "config", {{"type", "object"}, {"description", "every option with its effective value"}});
  Json assumption = empty_object();
  add_leaf(assumption, "what", {{"type", "string"}, {"description", "of what something was taken for granted"}});
  add_leaf(assumption, "how", {{"type", "string"}, {"description", "what was taken"}});
  add_leaf(schema, "assumptions",
           {{"type", "array"},
            {"description", "what the source does not tell and was taken for granted"},
            {"items", assumption}});
  return schema;
}

}  // namespace kv
