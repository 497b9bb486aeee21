#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

#include "base/parse.hpp"
#include "report/document.hpp"
#include "report/text.hpp"

namespace kv {
namespace {

constexpr std::size_t kMostBytes = 64 << 20;
constexpr std::size_t kMostValues = 4 << 20;  // of JSON; a row of a report has some 250
constexpr std::size_t kMostDepth = 64;

constexpr const char* kHowToMake = "make one with: kvbench run WORKLOAD --format json > FILE";

std::size_t line_at(std::string_view text, std::size_t offset) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text.size()));
  return 1 + static_cast<std::size_t>(std::count(text.begin(), end, '\n'));
}

/// Counts nesting and values before anything is built, so that neither stack nor memory can be made to run out.
Result<void> check_size(std::string_view text, const std::string& name) {
  std::size_t depth = 0, values = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
      continue;
    }
    quoted = c == '"';
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (c == '[' || c == '{' || c == ',') ++values;
    if (depth > kMostDepth || values > kMostValues) {
      return error(Code::bad_input,
                   fmt::format("{}:{}: {} than any report has", name, line_at(text, i),
                               depth > kMostDepth ? fmt::format("nested deeper than {} levels, more", kMostDepth)
                                                  : fmt::format("more than {} values, more", kMostValues)),
                   kHowToMake);
    }
  }
  return {};
}

Result<Json> parse(std::string_view text, const std::string& name) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return error(Code::bad_input, fmt::format("{}: is empty", name), kHowToMake);
  }
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& e) {
    const bool truncated = e.byte > text.find_last_not_of(" \t\r\n") + 1;
    if (truncated) {
      return error(Code::bad_input, fmt::format("{}:{}: the report is truncated", name, line_at(text, text.size())),
                   "was the run stopped, or the disk full, while it was written?");
    }
    return error(Code::bad_input, fmt::format("{}:{}: not JSON (byte {})", name, line_at(text, e.byte), e.byte),
                 "kvbench report reads what kvbench run --format json wrote");
  } catch (const Json::exception&) {  // a number beyond double
    return error(Code::bad_input, fmt::format("{}: holds a number that is out of range", name), kHowToMake);
  }
}

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

bool fits(const Json& value, Unit unit) {
  if (value.is_null()) return true;
  switch (unit) {
    case Unit::flag:
      return value.is_boolean();
    case Unit::text:
      return value.is_string();
    case Unit::texts:
      return value.is_array() && std::all_of(value.begin(), value.end(), [](const Json& v) { return v.is_string(); });
    default:
      return value.is_number() && value.get<double>() >= 0;
  }
}

/// What is there must have its type; what is not there is unknown.
Result<void> check_field(const Json& object, const std::string& path, Unit unit, const std::string& where) {
  const Json* value = find(object, path);
  if (value == nullptr || fits(*value, unit)) return {};
  const char* expected = "a number that is not negative, or null";
  if (unit == Unit::flag) expected = "true or false";
  if (unit == Unit::text) expected = "a text or null";
  if (unit == Unit::texts) expected = "a list of texts";
  return error(Code::bad_input, fmt::format("{}{} must be {}, but is {}", where, path, expected, value->type_name()),
               "the report was edited or damaged");
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

Result<std::string> read_file(const std::string& path) {
  const auto unreadable = [&path](int reason) {
    return error(Code::bad_input, fmt::format("{}: cannot be read: {}", path, std::strerror(reason)),
                 "check the name and its permissions");
  };
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return unreadable(errno);
  std::string text;
  constexpr std::size_t kPiece = 1 << 20;
  while (in && text.size() <= kMostBytes) {
    const std::size_t had = text.size();
    text.resize(had + kPiece);
    errno = 0;
    in.read(text.data() + had, kPiece);
    text.resize(had + static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad() || (text.empty() && errno != 0)) return unreadable(errno == 0 ? EIO : errno);
  return text;
}

}  // namespace

Result<std::vector<Json>> read_reports_text(std::string_view text, const std::string& name) {
  if (text.size() > kMostBytes) {
    return error(Code::bad_input,
                 fmt::format("{}: larger than {}, more than any report", name, format_bytes(Bytes(kMostBytes))),
                 kHowToMake);
  }
  if (auto checked = check_size(text, name); !checked) return error(checked);
  Result<Json> read = parse(text, name);
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
  const auto text = read_file(path);
  return text ? read_reports_text(*text, path) : error(text);
}

Result<Json> read_report(const std::string& path) {
  const auto text = read_file(path);
  return text ? read_report_text(*text, path) : error(text);
}

}  // namespace kv
