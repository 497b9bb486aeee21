#include "report/curve_document.hpp"

#include <fmt/format.h>

#include "report/document.hpp"
#include "report/schema_parts.hpp"

namespace kv {
namespace {

using In = CurveField::In;

bool belongs(const CurveField& field, In table) { return field.in == In::both || field.in == table; }

/// The point of the same policy with the next smaller capacity: marginal figures are against it.
const CurvePoint* next_smaller(const CurvePoint& point, const std::vector<CurvePoint>& points) {
  const CurvePoint* best = nullptr;
  for (const CurvePoint& other : points) {
    if (other.policy != point.policy || !other.capacity || !point.capacity || *other.capacity >= *point.capacity) {
      continue;
    }
    if (best == nullptr || *best->capacity < *other.capacity) best = &other;
  }
  return best;
}

Json rows_of(const std::vector<CurvePoint>& points, In table, const CurveContext& c) {
  Json rows = Json::array();
  for (const CurvePoint& point : points) {
    const CurvePoint* smaller = table == In::points ? next_smaller(point, points) : nullptr;
    Json row = Json::object();
    for (const CurveField& field : curve_fields()) {
      if (belongs(field, table)) put(row, field.path, field.get(point, smaller, c));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

Json bytes_of(Blocks capacity, const CurveContext& c) {
  if (!c.block_bytes) return nullptr;
  return static_cast<std::uint64_t>(*c.block_bytes * static_cast<double>(capacity.count()));
}

Json place_row(const CurvePlace& place, const CurveContext& c) {
  return {{"policy", place.policy},
          {"capacity_blocks", place.capacity.count()},
          {"capacity_bytes", bytes_of(place.capacity, c)},
          {"block_hit_rate", finite(place.block_hit_rate)},
          {"token_hit_rate", finite(place.token_hit_rate)}};
}

Json target_row(const CurveTarget& target, const CurveContext& c) {
  Json row = {{"policy", target.policy},
              {"wanted_token_hit_rate", target.token_hit_rate},
              {"reached", target.place.has_value()},
              {"capacity_blocks", nullptr},
              {"capacity_bytes", nullptr},
              {"block_hit_rate", nullptr},
              {"token_hit_rate", nullptr}};
  if (target.place) row.update(place_row(*target.place, c));
  return row;
}

Json place_schema() {
  Json place = empty_object();
  add_leaf(place, "policy", type_of(Unit::text));
  add_leaf(place, "capacity_blocks", type_of(Unit::count));
  add_leaf(place, "capacity_bytes", type_of(Unit::bytes));
  add_leaf(place, "block_hit_rate", type_of(Unit::ratio));
  add_leaf(place, "token_hit_rate", type_of(Unit::ratio));
  return place;
}

Json list_of(Json items, const char* meaning) {
  return {{"type", "array"}, {"description", meaning}, {"items", std::move(items)}};
}

Json rows_schema(In table, const char* meaning) {
  Json row = empty_object();
  for (const CurveField& field : curve_fields()) {
    if (belongs(field, table)) add_leaf(row, field.path, described(field));
  }
  return list_of(std::move(row), meaning);
}

}  // namespace

Json make_curve_document(const CurveContext& c) {
  Json out = make_workload_document(c.head);
  if (c.resolved.is_object()) out["config"]["resolved"] = c.resolved;
  out["points"] = rows_of(c.curve.points, In::points, c);
  out["ttl_points"] = rows_of(c.curve.ttl_points, In::ttl_points, c);
  out["capacity_ttl_points"] = Json::array();
  for (Json& row : rows_of(c.curve.capacity_ttl_points, In::ttl_points, c)) {
    row["policy"] = c.curve.capacity_ttl_points[out["capacity_ttl_points"].size()].policy;
    out["capacity_ttl_points"].push_back(std::move(row));
  }
  out["outline"] = Json::array();
  for (const CurvePlace& place : c.curve.outline) out["outline"].push_back(place_row(place, c));
  out["knees"] = Json::array();
  for (const CurvePlace& knee : c.curve.knees) out["knees"].push_back(place_row(knee, c));
  out["targets"] = Json::array();
  for (const CurveTarget& target : c.curve.targets) out["targets"].push_back(target_row(target, c));
  return out;
}

Json curve_schema() {
  Json schema = workload_document_schema(kCurveSchema, "What caches of many sizes serve of a workload");
  schema["$id"] = "kvkit.curve-1.schema.json";
  add_leaf(schema, "points", rows_schema(In::points, "exactly the capacities asked for, in order, for each policy"));
  add_leaf(schema, "ttl_points",
           rows_schema(In::ttl_points, "caches without a bound, for each TTL asked for, in order"));
  add_leaf(schema, "capacity_ttl_points",
           rows_schema(In::ttl_points, "with --each-ttl: each policy at each capacity with each TTL"));
  add_leaf(schema, "outline",
           list_of(place_schema(), "of lru, known at all sizes: places between the points, for a plot"));
  add_leaf(schema, "knees", list_of(place_schema(), "where the curve of a policy bends, the sharpest first"));
  Json target = place_schema();
  add_leaf(target, "wanted_token_hit_rate", type_of(Unit::ratio));
  add_leaf(target, "reached", type_of(Unit::flag));
  add_leaf(schema, "targets",
           list_of(std::move(target), "the smallest cache that reaches each --target; null: none does"));
  return schema;
}

std::string curve_fields_markdown() {
  std::string out = "| name | in | unit | meaning |\n| --- | --- | --- | --- |\n";
  for (const CurveField& field : curve_fields()) {
    const char* where = field.in == In::both ? "points, ttl_points" : field.in == In::points ? "points" : "ttl_points";
    out += fmt::format("| `{}` | {} | {} | {} |\n", field.path, where, unit_name(field.unit), field.meaning);
  }
  return out;
}

}  // namespace kv
