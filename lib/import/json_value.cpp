#include "import/json_value.hpp"

#include <fmt/format.h>

#include <cmath>

namespace kv {
namespace {

static_assert(Line::kPadding >= simdjson::SIMDJSON_PADDING);
constexpr double kMaxSeconds = 9e9;  // 285 years: nanoseconds fit 63 bits

tl::unexpected<Error> not_a(std::string_view name, const std::string& what, const json::element& value) {
  return error(Code::bad_input, fmt::format("{} must be {}, but is {}", name, what, quoted(value)));
}

const char* hint_for(simdjson::error_code code) {
  if (code == simdjson::UTF8_ERROR) return "JSON is UTF-8: convert the file, with iconv say";
  if (code == simdjson::DEPTH_ERROR) return "nothing that can be imported nests so deep: is this the right file?";
  return "is the file truncated or damaged there, or not JSON?";
}

Result<json::object> as_object(const Result<json::element>& value) {
  if (!value) return error(value);
  json::object object;
  if (value->get(object)) return error(Code::bad_input, "a JSON object is expected here");
  return object;
}

}  // namespace

Result<json::element> JsonParser::parse(const char* data, std::size_t size) {
  json::element value;
  if (const auto code = parser_.parse(data, size, false).get(value)) {
    return error(Code::bad_input, fmt::format("malformed JSON: {}", simdjson::error_message(code)), hint_for(code));
  }
  return value;
}

Result<json::object> JsonParser::parse_object(const JsonItem& item) { return as_object(parse(item)); }

Result<json::object> JsonParser::parse_object(const Line& line) {
  if (line.too_long) {
    return error(Code::bad_input, fmt::format("the line is longer than {} MiB", Line::kMaxBytes >> 20),
                 "is this JSONL, with one object a line?");
  }
  return as_object(parse(line.data, line.size));
}

std::string quoted(const json::element& value) {
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  std::string out;
  for (const char c : simdjson::minify(value).substr(0, 40)) out += (c >= ' ' && c < 0x7f) ? c : '?';
  return out;
}

std::optional<json::element> member(const json::object& object, std::string_view name) {
  json::element value;
  if (object.at_key(name).get(value) || value.is_null()) return std::nullopt;
  return value;
}

Result<std::uint64_t> count_at(const json::object& object, std::string_view name, std::uint64_t lowest,
                               std::uint64_t highest) {
  const auto value = member(object, name);
  if (!value) return error(Code::bad_input, fmt::format("the field {} is missing", name));
  std::uint64_t count = 0;
  if (value->get(count) || count < lowest || count > highest) {
    return not_a(name, fmt::format("a whole number from {} to {}", lowest, highest), *value);
  }
  return count;
}

Result<Duration> time_of(const json::element& value, std::string_view name, Duration unit) {
  const auto most = static_cast<std::uint64_t>(kMaxSeconds / seconds(unit));
  std::uint64_t whole = 0;
  double part = 0;
  if (!value.get(whole)) {
    if (whole <= most) return Duration(static_cast<std::int64_t>(whole) * unit.count());
  } else if (!value.get(part) && part >= 0 && part <= static_cast<double>(most)) {
    return Duration(std::llround(part * static_cast<double>(unit.count())));
  }
  return not_a(name, fmt::format("a number from 0 to {}", most), value);
}

Result<std::string> name_at(const json::object& object, std::string_view name) {
  const auto value = member(object, name);
  if (!value) return std::string();
  std::string_view text;
  if (!value->get(text)) return std::string(text);
  if (value->is_number()) return simdjson::minify(*value);
  return not_a(name, "a string or a number", *value);
}

Result<void> ids_of(const json::element& value, std::string_view name, std::vector<std::uint64_t>& ids) {
  json::array array;
  if (value.get(array)) return not_a(name, "an array of numbers", value);
  ids.clear();
  for (const json::element element : array) {
    std::uint64_t id = 0;
    if (element.get(id))
      return not_a(fmt::format("{}[{}]", name, ids.size()), "a whole number from 0 to 2^64 - 1", element);
    ids.push_back(id);
  }
  return {};
}

}  // namespace kv
