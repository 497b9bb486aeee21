#pragma once
#include <simdjson.h>

#include <optional>
#include <string>

#include "base/units.hpp"
#include "import/json_items.hpp"
#include "workload/line_reader.hpp"

namespace kv {

namespace json = simdjson::dom;

/// JSON text -> simdjson's tree, checked as a whole (syntax, UTF-8, at most 1,024 levels). What is handed out lives
/// until the next call. Errors (bad_input) carry no place. Not thread-safe.
class JsonParser {
 public:
  Result<json::element> parse(const JsonItem& item) { return parse(item.data, item.size); }
  Result<json::object> parse_object(const JsonItem& item);
  Result<json::object> parse_object(const Line& line);

 private:
  Result<json::element> parse(const char* data, std::size_t size);
  json::parser parser_;
};

/// What stands there, short enough and clean enough for a terminal.
std::string quoted(const json::element& value);

/// The member of that name; nullopt where it is missing or null.
std::optional<json::element> member(const json::object& object, std::string_view name);

/// Of a member that must be there: a whole number of that range.
Result<std::uint64_t> count_at(const json::object& object, std::string_view name, std::uint64_t lowest,
                               std::uint64_t highest);
/// A time or a delay in `unit`s, from 0 to about 285 years.
Result<Duration> time_of(const json::element& value, std::string_view name, Duration unit);
/// A string, or a number as it would be written; empty where it is missing or null.
Result<std::string> name_at(const json::object& object, std::string_view name);
/// The array of ids at `name`.
Result<void> ids_of(const json::element& value, std::string_view name, std::vector<std::uint64_t>& ids);

}  // namespace kv
