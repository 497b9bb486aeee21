#include "report/workload_document.hpp"

#include <functional>

#include "report/document.hpp"
#include "report/schema_parts.hpp"

namespace kv {
namespace {

bool is_of_workload(const ContextField& field) {
  return field.path.starts_with("workload.") || field.path.starts_with("tool.") || field.path == "command_line";
}

Json share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? Json(nullptr) : finite(static_cast<double>(part) / static_cast<double>(whole));
}

struct IdealField {
  std::string path;
  Unit unit;
  std::string meaning;
  std::function<Json(const WorkloadDocument&, const IdealHits&)> get;
};

const std::vector<IdealField>& ideal_fields() {
  static const std::vector<IdealField> kFields = {
      {"ideal.block_hits", Unit::count, "blocks that a cache which never evicts serves",
       [](const WorkloadDocument&, const IdealHits& ideal) { return Json(ideal.block_hits); }},
      {"ideal.token_hits", Unit::count, "the same in tokens: min(hit blocks x block size, input) a request",
       [](const WorkloadDocument&, const IdealHits& ideal) { return Json(ideal.token_hits); }},
      {"ideal.requests_with_hit", Unit::count, "requests that find at least one block",
       [](const WorkloadDocument&, const IdealHits& ideal) { return Json(ideal.requests_with_hit); }},
      {"ideal.block_hit_rate", Unit::ratio, "block_hits / block_refs",
       [](const WorkloadDocument& d, const IdealHits& ideal) {
         return share(ideal.block_hits, d.workload.block_refs);
       }},
      {"ideal.token_hit_rate", Unit::ratio, "token_hits / input_tokens",
       [](const WorkloadDocument& d, const IdealHits& ideal) {
         return share(ideal.token_hits, d.workload.input_tokens);
       }},
  };
  return kFields;
}

}  // namespace

Json make_workload_document(const WorkloadDocument& document) {
  ReportContext context;
  context.workload = document.workload;
  context.workload_path = document.path;
  context.command_line = document.command_line;
  context.machine = describe_machine();
  Json out = {{"schema", document.schema}};
  for (const ContextField& field : context_fields()) {
    if (is_of_workload(field)) put(out, field.path, field.get(context));
  }
  put(out, "tool.name", document.tool);
  out["config"] = document.config.is_object() ? document.config : Json::object();
  out["warnings"] = document.warnings;
  if (document.workload_extra.is_object()) out["workload"].update(document.workload_extra);
  for (const IdealField& field : ideal_fields())
    put(out, field.path, document.ideal ? field.get(document, *document.ideal) : Json(nullptr));
  return out;
}

Json workload_document_schema(const std::string& schema, const std::string& title) {
  Json out = {{"$schema", "http://json-schema.org/draft-07/schema#"},
              {"title", title},
              {"description", "Unknown figures are null. Names carry their unit. New names may be added."}};
  out.update(empty_object());
  add_leaf(out, "schema", {{"const", schema}});
  for (const ContextField& field : context_fields()) {
    if (is_of_workload(field)) add_leaf(out, field.path, described(field));
  }
  add_leaf(out, "config", {{"type", "object"}, {"description", "every option with its effective value"}});
  add_leaf(out, "warnings", texts("what makes figures doubtful"));
  for (const IdealField& field : ideal_fields()) add_leaf(out, field.path, described(field));
  return out;
}

}  // namespace kv
