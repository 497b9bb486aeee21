#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/parse.hpp"
#include "report/document.hpp"
#include "report/json_text.hpp"
#include "report/text.hpp"

namespace kv {
namespace {

constexpr const char* kHowToMake = "make one with: kvbench run WORKLOAD --format json > FILE";

Result<void> check_schema(const Json& report, const std::string& name) {
  const std::string_view known = kReportSchema;
  const std::string_view kind = known.substr(0, known.find('/') + 1);
  const std::string schema = text_at(report, "schema");
  if (schema == known) return {};
  if (schema.compare(0, kind.size(), kind) == 0) {
    unsigned version = 0, ours = 0;
    std::from_chars(schema.data() + kind.size(), schema.data() + schema.size(), version);
    std::from_chars(known.data() + kind.size(), known.data() + known.size(), ours);
    if (version > ours) {
      return error(Code::bad_input,
                   fmt::format("{}: its schema is {}, made by a newer kvkit; this one reads up to {}", name,
                               shorten_middle(schema, 60), known),
                   "read it with the kvbench that made it, or a newer one");
    }
  }
  if (schema.empty()) return error(Code::bad_input, fmt::format("{}: JSON, but not a kvkit report", name), kHowToMake);
  return error(Code::bad_input, fmt::format("{}: its schema is {}, not {}", name, shorten_middle(schema, 60), known),
               kHowToMake);
}

Result<void> check_run(const Json& run, const std::string& where) {
  if (!run.is_object()) return error(Code::bad_input, fmt::format("{} must be an object", where));
  for (const Field& field : fields()) {
    auto checked = check_field(run, field.path, field.unit, where + ".");
    if (!checked) return checked;
    if (field.role == Role::identity && text_at(run, field.path).empty()) {
      return error(Code::bad_input, fmt::format("{}.{} is missing", where, field.path),
                   "the report was edited or damaged");
    }
  }
  return check_field(run, "warnings", Unit::texts, where + ".");
}

Result<void> check_types(const Json& report, const std::string& name) {
  for (const ContextField& field : context_fields()) {
    auto checked = check_field(report, field.path, field.unit, name + ": .");
    if (!checked) return checked;
  }
  if (auto checked = check_field(report, "warnings", Unit::texts, name + ": ."); !checked) return checked;
  const Json* runs = find(report, "runs");
  if (runs == nullptr || !runs->is_array()) {
    return error(Code::bad_input, fmt::format("{}: .runs must be a list", name), "the report was edited or damaged");
  }
  for (std::size_t r = 0; r < runs->size(); ++r) {
    auto checked = check_run((*runs)[r], fmt::format("{}: .runs[{}]", name, r));
    if (!checked) return checked;
  }
  return {};
}

}  // namespace

Result<std::vector<Json>> read_reports_text(std::string_view text, const std::string& name) {
  Result<Json> read = read_json_text(text, name, kHowToMake);
  if (!read) return error(read);
  const bool list = read->is_array() && !read->empty();
  std::vector<Json> reports;
  if (list) {
    for (Json& report : *read) reports.push_back(std::move(report));
  } else {
    reports.push_back(std::move(*read));
  }
  for (std::size_t r = 0; r < reports.size(); ++r) {
    const std::string where = list ? fmt::format("{}[{}]", name, r) : name;
    if (auto checked = check_schema(reports[r], where); !checked) return error(checked);
    if (auto checked = check_types(reports[r], where); !checked) return error(checked);
  }
  return reports;
}

Result<Json> read_report_text(std::string_view text, const std::string& name) {
  auto reports = read_reports_text(text, name);
  if (!reports) return error(reports);
  if (reports->size() == 1) return std::move(reports->front());
  return error(Code::bad_input, fmt::format("{}: holds {} reports where one is wanted", name, reports->size()),
               fmt::format("take one out, as with: jq '.[0]' {}", name));
}

Result<std::vector<Json>> read_reports(const std::string& path) {
  const auto text = read_text_file(path);
  return text ? read_reports_text(*text, path) : error(text);
}

Result<Json> read_report(const std::string& path) {
  const auto text = read_text_file(path);
  return text ? read_report_text(*text, path) : error(text);
}

}  // namespace kv
