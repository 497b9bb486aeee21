#include "report/plan_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "report/plan_rows.hpp"
#include "report/schema_parts.hpp"

namespace kv {
namespace {

/// What a part of the plan tells beside what all of them do.
struct PartRow {
  PlanPart part;
  std::string_view name;
  std::vector<std::string_view> sections;  // empty: all but .scale
};

const std::vector<PartRow>& parts() {
  static const std::vector<PartRow> rows{
      {PlanPart::estimate, "estimate", {}},
      {PlanPart::size, "size", {"demand", "size", "nodes", "rent", "where"}},
      {PlanPart::roi, "roi", {"demand", "cost", "roi", "targets", "uncertainty", "changes"}},
      {PlanPart::decide, "decide", {"demand", "decision", "roi", "cost"}},
      {PlanPart::scale, "scale", {"demand", "scale"}},
  };
  return rows;
}

const PartRow& row_of(PlanPart part) {
  return *std::find_if(parts().begin(), parts().end(), [part](const PartRow& row) { return row.part == part; });
}

std::string_view section_of(std::string_view table) { return table.substr(0, table.find('.')); }

bool always(std::string_view section) { return section == "engine" || section == "inputs"; }

bool has_section(PlanPart part, std::string_view section) {
  if (always(section)) return true;
  const auto& sections = row_of(part).sections;
  if (sections.empty()) return section != "scale";
  return std::find(sections.begin(), sections.end(), section) != sections.end();
}

/// Of the fields that all documents have, those that say what was run on what.
bool is_of_head(const ContextField& field) {
  return field.path.starts_with("workload.") || field.path.starts_with("tool.") || field.path == "command_line";
}

Json row_json(const PlanTable& table, const PlanContext& c, std::size_t row) {
  Json out = Json::object();
  for (const PlanField& field : table.fields) put(out, field.path, field.get(c, row));
  return out;
}

void put_table(Json& out, const PlanTable& table, const PlanContext& c) {
  if (!table.is_list) {
    put(out, table.path, table.rows(c) > 0 ? row_json(table, c, 0) : Json(nullptr));
    return;
  }
  const auto dot = table.path.rfind('.');
  const Json* owner = dot == std::string::npos ? &out : find(out, std::string_view(table.path).substr(0, dot));
  if (owner != nullptr && owner->is_null()) return;  // a section that is null has no lists
  Json rows = Json::array();
  for (std::size_t i = 0; i < table.rows(c); ++i) rows.push_back(row_json(table, c, i));
  put(out, table.path, std::move(rows));
}

void put_head(Json& out, const PlanContext& c) {
  ReportContext head;
  head.command_line = c.command_line;
  head.machine = describe_machine();
  head.workload_path = c.workload_path;
  if (c.workload) head.workload = *c.workload;
  for (const ContextField& field : context_fields()) {
    if (!is_of_head(field)) continue;
    const bool unknown = !c.workload && field.path.starts_with("workload.");
    put(out, field.path, unknown ? Json(nullptr) : field.get(head));
  }
  put(out, "tool.name", "kvplan");
}

std::vector<std::string> joined(std::vector<std::string> first, const std::vector<std::string>* second) {
  if (second != nullptr) first.insert(first.end(), second->begin(), second->end());
  return first;
}

Json leaf_of(const PlanField& field) {
  Json leaf = described(field);
  if (field.may_be_negative) leaf.erase("minimum");
  return leaf;
}

void add_table(Json& schema, const PlanTable& table) {
  if (!table.is_list) {
    for (const PlanField& field : table.fields) add_leaf(schema, table.path + "." + field.path, leaf_of(field));
    Json& section = schema["properties"][table.path];
    section["type"] = {"object", "null"};
    section["description"] = table.meaning;
    return;
  }
  Json row = empty_object();
  for (const PlanField& field : table.fields) add_leaf(row, field.path, leaf_of(field));
  add_leaf(schema, table.path, {{"type", "array"}, {"description", table.meaning}, {"items", std::move(row)}});
}

/// What stands beside the sections.
struct HeadText {
  const char *name, *meaning;
};
constexpr std::array kHeadTexts{
    HeadText{"part", "which plan it is: estimate (all sections but scale), size, roi, decide, scale"},
    HeadText{"price_date", "day of which the prices are"},
    HeadText{"prices", "the price file"},
};

void add_head(Json& schema) {
  add_leaf(schema, "schema", {{"const", kPlanSchema}});
  for (const ContextField& field : context_fields()) {
    if (!is_of_head(field)) continue;
    Json leaf = described(field);
    // Of no workload nothing is known, lists and flags included.
    if (field.path.starts_with("workload.") && leaf["type"].is_string()) leaf["type"] = {leaf["type"], "null"};
    add_leaf(schema, field.path, std::move(leaf));
  }
  for (const HeadText& text : kHeadTexts) {
    add_leaf(schema, text.name, {{"type", "string"}, {"description", text.meaning}});
  }
  add_leaf(schema, "seed", {{"type", "integer"}, {"minimum", 0}, {"description", "of routing, draws and summaries"}});
  add_leaf(schema, "config", {{"type", "object"}, {"description", "every option with its effective value"}});
  add_leaf(schema, "assumptions", texts("what every figure takes for granted"));
  add_leaf(schema, "warnings", texts("what makes figures doubtful"));
}

}  // namespace

std::string_view plan_part_name(PlanPart part) { return row_of(part).name; }

std::span<const PlanTable> plan_tables() {
  static const std::vector<PlanTable> kTables = [] {
    std::vector<PlanTable> out;
    add_size_tables(out);
    add_latency_tables(out);
    add_cost_tables(out);
    add_rent_tables(out);
    add_decision_tables(out);
    return out;
  }();
  return kTables;
}

std::span<const PlanField> plan_fields(std::string_view table) {
  for (const PlanTable& candidate : plan_tables()) {
    if (candidate.path == table) return candidate.fields;
  }
  return {};
}

Json make_plan_document(const PlanContext& c) {
  Json out = {{"schema", kPlanSchema}};
  put_head(out, c);
  out["part"] = plan_part_name(c.part);
  out["price_date"] = format_date(c.basis->prices->date);
  out["prices"] = c.basis->prices->name;
  out["seed"] = c.seed;
  out["config"] = c.config.is_object() ? c.config : Json::object();
  for (const PlanTable& table : plan_tables()) {
    if (has_section(c.part, section_of(table.path))) put_table(out, table, c);
  }
  out["assumptions"] = joined(c.assumptions, c.estimate == nullptr ? nullptr : &c.estimate->assumptions);
  out["warnings"] = joined(c.warnings, c.estimate == nullptr ? nullptr : &c.estimate->warnings);
  return out;
}

Json plan_schema() {
  Json out = {{"$schema", "http://json-schema.org/draft-07/schema#"},
              {"title", "A plan of a KV cache: size, nodes, cost, return and verdict"},
              {"description",
               "Unknown figures are null, as is a section without anything to tell. Names carry their unit. New names "
               "may be added."}};
  out.update(empty_object());
  out["$id"] = "kvkit.plan-1.schema.json";
  add_head(out);
  for (const PlanTable& table : plan_tables()) add_table(out, table);
  // Which sections there are depends on .part.
  Json required = Json::array();
  for (const Json& name : out["required"]) {
    const auto& tables = plan_tables();
    const bool section = std::any_of(tables.begin(), tables.end(), [&name](const PlanTable& table) {
      return section_of(table.path) == name.get<std::string>();
    });
    if (!section || always(name.get<std::string>())) required.push_back(name);
  }
  out["required"] = std::move(required);
  return out;
}

std::string plan_fields_markdown() {
  std::string out;
  for (const PlanTable& table : plan_tables()) {
    out += fmt::format("{}### `.{}{}`\n\n{}.\n\n| name | unit | meaning |\n| --- | --- | --- |\n",
                       out.empty() ? "" : "\n", table.path, table.is_list ? "[]" : "", table.meaning);
    for (const PlanField& field : table.fields) {
      out += fmt::format("| `{}` | {} | {} |\n", field.path, unit_name(field.unit), field.meaning);
    }
  }
  return out;
}

}  // namespace kv
