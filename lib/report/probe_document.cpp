#include "report/probe_document.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"
#include "report/schema_parts.hpp"

namespace kv {
namespace {

using probe::Operation;
using probe::Point;

constexpr Operation kOperations[] = {Operation::get, Operation::set};
constexpr double kDoubtful = 0.25;  // spread of repetitions from which on a figure is doubtful

bool is_of_probe(const ContextField& field) { return field.path.compare(0, 9, "workload.") != 0; }

/// "get" for GET.
std::string key_of(Operation operation) { return operation == Operation::get ? "get" : "set"; }

Json point_row(const Point& point, const probe::Findings& findings) {
  Json row = Json::object();
  for (const PointField& field : point_fields()) put(row, field.path, field.get(point, findings));
  return row;
}

Json best_row(const Point& point, const ProbeContext& c) {
  Json row = point_row(point, c.findings);
  row["chunk_bytes"] = point.cut.message_bytes();
  row["sentence"] = best_sentence(point, c.findings);
  return row;
}

std::vector<std::string> warnings_of(const ProbeContext& c) {
  std::vector<std::string> warnings = c.context.warnings;
  warnings.insert(warnings.end(), c.findings.warnings.begin(), c.findings.warnings.end());
  for (std::string& warning : machine_warnings(c.context.machine)) warnings.push_back(std::move(warning));
  const auto doubtful = [](const Point& p) {
    return probe::spread(p.per_s) > kDoubtful || probe::spread(p.limit_per_s) > kDoubtful;
  };
  const auto& points = c.findings.points;
  if (const auto count = std::count_if(points.begin(), points.end(), doubtful); count > 0) {
    warnings.push_back(fmt::format("repetitions of {} of {} points disagree by more than {:.0f} %: see spread", count,
                                   points.size(), 100 * kDoubtful));
  }
  for (const Point& point : points) {
    if (!point.failure) continue;
    warnings.push_back(fmt::format("{} of {}: {}", probe::operation_name(point.operation),
                                   format_bytes(Bytes(point.cut.value_bytes())), *point.failure));
  }
  if (c.findings.failure) warnings.push_back("the probe ended early: " + c.findings.failure->message);
  return warnings;
}

}  // namespace

std::string best_sentence(const Point& point, const probe::Findings& findings) {
  const double per_s = probe::median(point.per_s), limit = probe::median(point.limit_per_s);
  const std::string rate = figure_text(per_s * static_cast<double>(point.cut.value_bytes()), Unit::bytes_per_s);
  std::string text = fmt::format("{} is fastest with values of {}{}, {} connection{} and depth {}: {}",
                                 probe::operation_name(point.operation), format_bytes(Bytes(point.cut.value_bytes())),
                                 point.cut.messages() > 1 ? fmt::format(" in {} chunks", point.cut.messages()) : "",
                                 point.connections, point.connections == 1 ? "" : "s", point.depth, rate);
  if (limit > 0) text += fmt::format(", {:.2f} of the bare socket", per_s / limit);
  switch (probe::bound_of(point, findings.rtt_ns)) {
    case probe::Bound::latency:
      return text + "; the round trip bounds it: a deeper pipeline or larger values would give more";
    case probe::Bound::wire:
      return text + "; the wire bounds it: the bare socket does little better";
    case probe::Bound::server_cpu:
      return text + "; the server's CPU time bounds it";
    case probe::Bound::client_cpu:
      return text + "; the client's CPU time bounds it";
    case probe::Bound::unknown:
      break;
  }
  return text + "; nothing alone bounds it: client and server wait for each other";
}

Json make_probe_document(const ProbeContext& c) {
  Json out = Json::object();
  for (const ContextField& field : context_fields()) {
    if (is_of_probe(field)) put(out, field.path, field.get(c.context));
  }
  out["schema"] = kProbeSchema;
  for (const ProbeField& field : probe_fields()) put(out, field.path, field.get(c));
  out["config"] = c.context.config.is_object() ? c.context.config : Json::object();
  out["warnings"] = warnings_of(c);
  out["points"] = Json::array();
  for (const Point& point : c.findings.points) out["points"].push_back(point_row(point, c.findings));
  for (const Operation operation : kOperations) {
    const Point* best = probe::best_of(c.findings.points, operation);
    out["best"][key_of(operation)] = best == nullptr ? Json(nullptr) : best_row(*best, c);
  }
  out["profile"] = profile_json(profile_of(c));
  return out;
}

Json probe_schema() {
  Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                 {"$id", "kvkit.probe-1.schema.json"},
                 {"title", "What kvbench probe found"},
                 {"description", "Unknown figures are null. Names carry their unit. New names may be added."}};
  schema.update(empty_object());
  for (const ContextField& field : context_fields()) {
    if (is_of_probe(field)) add_leaf(schema, field.path, described(field));
  }
  schema["properties"]["schema"]["const"] = kProbeSchema;
  for (const ProbeField& field : probe_fields()) add_leaf(schema, field.path, described(field));
  Json point = empty_object();
  for (const PointField& field : point_fields()) add_leaf(point, field.path, described(field));
  Json best = point;
  best["type"] = {"object", "null"};
  add_leaf(best, "chunk_bytes", {{"type", "integer"}, {"description", "of the keys that it was cut into"}});
  add_leaf(best, "sentence", {{"type", "string"}, {"description", "the same in words, and what bounds it"}});
  add_leaf(schema, "config", {{"type", "object"}, {"description", "every option with its effective value"}});
  add_leaf(schema, "warnings", texts("what makes figures doubtful"));
  add_leaf(schema, "points",
           {{"type", "array"}, {"description", "in the order of measurement"}, {"items", std::move(point)}});
  for (const Operation operation : kOperations) add_leaf(schema, "best." + key_of(operation), best);
  add_leaf(schema, "profile", {{"type", "object"}, {"description", "kvkit.profile/1: see docs/probe.md"}});
  return schema;
}

std::string point_fields_markdown() {
  std::string out = "| name | unit | meaning |\n| --- | --- | --- |\n";
  for (const PointField& field : point_fields()) {
    out += fmt::format("| `{}` | {} | {} |\n", field.path, unit_name(field.unit), field.meaning);
  }
  return out;
}

}  // namespace kv
