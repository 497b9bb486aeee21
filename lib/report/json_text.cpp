#include "report/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/parse.hpp"
#include "report/document.hpp"

namespace kv {
namespace {

constexpr std::size_t kMostBytes = 64 << 20;
constexpr std::size_t kMostValues = 4 << 20;  // of JSON; a row of a report has some 250
constexpr std::size_t kMostDepth = 64;

std::size_t line_at(std::string_view text, std::size_t offset) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text.size()));
  return 1 + static_cast<std::size_t>(std::count(text.begin(), end, '\n'));
}

/// Counts nesting and values before anything is built, so that neither stack nor memory can be made to run out.
Result<void> check_size(std::string_view text, const std::string& name, std::string_view how_to_make) {
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
                   std::string(how_to_make));
    }
  }
  return {};
}

Result<Json> parse(std::string_view text, const std::string& name, std::string_view how_to_make) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return error(Code::bad_input, fmt::format("{}: is empty", name), std::string(how_to_make));
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
                 std::string(how_to_make));
  } catch (const Json::exception&) {  // a number beyond double
    return error(Code::bad_input, fmt::format("{}: holds a number that is out of range", name),
                 std::string(how_to_make));
  }
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

}  // namespace

Result<Json> read_json_text(std::string_view text, const std::string& name, std::string_view how_to_make) {
  if (text.size() > kMostBytes) {
    return error(Code::bad_input,
                 fmt::format("{}: larger than {}, more than any report", name, format_bytes(Bytes(kMostBytes))),
                 std::string(how_to_make));
  }
  if (auto checked = check_size(text, name, how_to_make); !checked) return error(checked);
  return parse(text, name, how_to_make);
}

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

Result<std::string> read_text_file(const std::string& path) {
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

}  // namespace kv
