#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "report/schema_parts.hpp"

namespace kv {
Json type_of(Unit unit) {
  switch (unit) {
    case Unit::flag:
      return {{"type", "boolean"}};
    case Unit::text:
      return {{"type", {"string", "null"}}};
    case Unit::texts:
      return {{"type", "array"}, {"items", {{"type", "string"}}}};
    case Unit::count:
    case Unit::bytes:
      return {{"type", {"integer", "null"}}, {"minimum", 0}};
    default:
      return {{"type", {"number", "null"}}, {"minimum", 0}};
  }
}

Json empty_object() { return {{"type", "object"}, {"required", Json::array()}, {"properties", Json::object()}}; }

/// Puts a leaf under its path, making the objects on the way; every name is required.
void add_leaf(Json& schema, std::string_view path, Json leaf) {
  Json* at = &schema;
  for (;;) {
    const auto dot = path.find('.');
    const std::string key(path.substr(0, dot));
    Json& required = (*at)["required"];
    if (std::find(required.begin(), required.end(), Json(key)) == required.end()) required.push_back(key);
    Json& property = (*at)["properties"][key];
    if (dot == std::string_view::npos) {
      property = std::move(leaf);
      return;
    }
    if (property.is_null()) property = empty_object();
    at = &property;
    path.remove_prefix(dot + 1);
  }
}

Json texts(std::string meaning) {
  Json leaf = type_of(Unit::texts);
  leaf["description"] = std::move(meaning);
  return leaf;
}

std::string_view unit_name(Unit unit) {
  switch (unit) {
    case Unit::flag:
      return "true or false";
    case Unit::text:
      return "text";
    case Unit::texts:
      return "list of texts";
    case Unit::count:
      return "count";
    case Unit::bytes:
      return "bytes";
    case Unit::nanoseconds:
      return "ns";
    case Unit::ratio:
      return "share, 0 to 1";
    case Unit::factor:
      return "factor";
    case Unit::bytes_per_s:
      return "bytes/s";
    case Unit::per_s:
      return "1/s";
    case Unit::seconds:
      return "s";
    case Unit::usd:
      return "USD";
    case Unit::amount:
      return "number";
    case Unit::ns_per_byte:
      return "ns/byte";
  }
  return "";
}

namespace {

Json run_schema() {
  Json run = empty_object(), repetition = empty_object();
  for (const Field& field : fields()) {
    Json leaf = described(field);
    if (field.role == Role::identity) leaf["type"] = "string";
    if (field.per_repetition) add_leaf(repetition, field.path, leaf);
    add_leaf(run, field.path, std::move(leaf));
  }
  add_leaf(run, "warnings", texts("what makes this row doubtful"));
  add_leaf(run, "repetitions",
           {{"type", "array"}, {"description", "the same figures of each repetition alone"}, {"items", repetition}});
  return run;
}

/// One table row that may stand for several fields, told apart by one name of their paths.
struct Described {
  std::vector<std::string> before, names, after;
  std::string unit, meaning;
};

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('.', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// ttft.with_cache.p50_ns and ttft.baseline.p50_ns share a row if all else is equal: only the middle of three differs.
void fold_in(std::vector<Described>& rows, const std::string& path, std::string unit, const std::string& meaning) {
  const std::vector<std::string> parts = parts_of(path);
  if (parts.size() != 3) {
    rows.push_back({{}, {path}, {}, std::move(unit), meaning});
    return;
  }
  for (Described& row : rows) {
    if (row.before == std::vector{parts[0]} && row.after == std::vector{parts[2]} && row.unit == unit &&
        row.meaning == meaning) {
      row.names.push_back(parts[1]);
      return;
    }
  }
  rows.push_back({{parts[0]}, {parts[1]}, {parts[2]}, std::move(unit), meaning});
}

std::string lines_of(const std::vector<Described>& rows) {
  std::string out;
  for (const Described& row : rows) {
    std::string path = fmt::format("{}", fmt::join(row.names, ","));
    if (row.names.size() > 1) path = fmt::format("{{{}}}", path);
    if (!row.before.empty()) path = fmt::format("{}.{}.{}", row.before[0], path, row.after[0]);
    out += fmt::format("| `{}` | {} | {} |\n", path, row.unit, row.meaning);
  }
  return out;
}

}  // namespace

Json report_schema() {
  Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                 {"$id", "kvkit.report-1.schema.json"},
                 {"title", "A report of kvbench run"},
                 {"description", "Unknown figures are null. Names carry their unit. New names may be added."}};
  schema.update(empty_object());
  for (const ContextField& field : context_fields()) add_leaf(schema, field.path, described(field));
  schema["properties"]["schema"]["const"] = kReportSchema;
  add_leaf(schema, "config", {{"type", "object"}, {"description", "every option with its effective value"}});
  add_leaf(schema, "warnings", texts("what makes the whole report doubtful"));
  add_leaf(schema, "runs",
           {{"type", "array"},
            {"description", "one row per backend and codec, in command-line order; the baseline is never a row"},
            {"items", run_schema()}});
  return schema;
}

std::string fields_markdown() {
  constexpr const char* kHead = "| name | unit | meaning |\n| --- | --- | --- |\n";
  std::vector<Described> document, runs;
  for (const ContextField& field : context_fields()) {
    fold_in(document, field.path, std::string(unit_name(field.unit)), field.meaning);
  }
  for (const Field& field : fields()) {
    fold_in(runs, field.path, std::string(unit_name(field.unit)) + (field.portable ? "" : ", local"), field.meaning);
  }
  return fmt::format("### The document\n\n{}{}\n### `.runs[]`\n\n{}{}", kHead, lines_of(document), kHead,
                     lines_of(runs));
}

}  // namespace kv
