#include "report/stats_document.hpp"

#include <fmt/format.h>

#include <cmath>

#include "report/document.hpp"
#include "report/schema_parts.hpp"

namespace kv {
namespace {

Json part_of(const std::optional<Spread>& spread, const SpreadPart& part) {
  if (!spread) return part.name == "count" ? Json(0) : Json(nullptr);
  const double value = part.get(*spread);
  return part.name == "mean" ? finite(std::round(value * 10) / 10) : Json(static_cast<std::uint64_t>(value));
}

Json rows_of(const StatsList& list, const Stats& stats) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < list.size(stats); ++i) {
    Json row = Json::object();
    for (const StatsColumn& column : list.columns) row[column.name] = column.get(stats, i);
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Any figure of one trace may be unknown for it, flags too.
template <class Row>
Json leaf(const Row& row) {
  Json out = described(row);
  if (row.unit == Unit::flag) out["type"] = {"boolean", "null"};
  return out;
}

Json spread_leaf(const StatsSpread& spread, const SpreadPart& part) {
  Json out = part.name == "mean" ? type_of(Unit::amount) : type_of(Unit::count);
  out["description"] = part.name == "count" ? "how many values there are" : part.name + ": " + spread.meaning;
  return out;
}

}  // namespace

Json make_stats_document(WorkloadDocument head, const Stats& stats) {
  head.schema = kStatsSchema;
  head.workload = stats.workload;
  head.ideal = stats.ideal;
  for (std::string& warning : stats_warnings(stats)) head.warnings.push_back(std::move(warning));
  Json out = make_workload_document(head);
  for (const StatsSpread& spread : stats_spreads()) {
    const std::optional<Spread> values = spread.get(stats);
    for (const SpreadPart& part : spread_parts()) put(out, spread.path + "." + part.name, part_of(values, part));
  }
  for (const StatsField& field : stats_fields()) put(out, field.path, field.get(stats));
  for (const StatsList& list : stats_lists()) put(out, list.path, rows_of(list, stats));
  out["findings"] = stats_findings(stats);
  return out;
}

Json stats_schema() {
  Json out = workload_document_schema(kStatsSchema, "What kvtrace stats found");
  out["$id"] = "kvkit.stats-1.schema.json";
  for (const StatsSpread& spread : stats_spreads()) {
    for (const SpreadPart& part : spread_parts()) {
      add_leaf(out, spread.path + "." + part.name, spread_leaf(spread, part));
    }
  }
  for (const StatsField& field : stats_fields()) add_leaf(out, field.path, leaf(field));
  for (const StatsList& list : stats_lists()) {
    Json row = empty_object();
    for (const StatsColumn& column : list.columns) add_leaf(row, column.name, leaf(column));
    add_leaf(out, list.path, {{"type", "array"}, {"description", list.meaning}, {"items", std::move(row)}});
  }
  add_leaf(out, "findings", texts("what the figures mean"));
  return out;
}

std::string stats_fields_markdown() {
  std::string out = "| name | unit | meaning |\n| --- | --- | --- |\n";
  const auto add = [&out](const std::string& path, Unit unit, const std::string& meaning) {
    out += fmt::format("| `{}` | {} | {} |\n", path, unit_name(unit), meaning);
  };
  for (const StatsSpread& spread : stats_spreads()) add(spread.path + ".*", spread.unit, spread.meaning);
  for (const StatsField& field : stats_fields()) add(field.path, field.unit, field.meaning);
  for (const StatsList& list : stats_lists()) {
    out += fmt::format("| `{}[]` | list | {} |\n", list.path, list.meaning);
    for (const StatsColumn& column : list.columns) add(list.path + "[]." + column.name, column.unit, column.meaning);
  }
  return out;
}

}  // namespace kv
