#include "base/toml_keys.hpp"

#include <algorithm>

namespace kv {
namespace {

/// What stands there, for a message.
std::string shown(const TomlValue& value) {
  struct Show {
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(const std::string& text) const { return quote(text); }
    std::string operator()(const TomlValue::Array&) const { return "an array"; }
    std::string operator()(const TomlValue::Table&) const { return "a table"; }
  };
  return std::visit(Show(), value.data);
}

tl::unexpected<Error> not_a(const TomlValue& value, const std::string& what) {
  return value.wrong(fmt::format("must be {}, but is {}", what, shown(value)),
                     value.source ? std::string(value.source->dialect.keys_hint) : std::string());
}

}  // namespace

Result<double> read_number(const TomlValue& value, double lowest, double highest) {
  double number = 0;
  if (const auto* whole = std::get_if<std::int64_t>(&value.data)) {
    number = static_cast<double>(*whole);
  } else if (const auto* real = std::get_if<double>(&value.data)) {
    number = *real;
  } else {
    return not_a(value, fmt::format("a number from {} to {}", lowest, highest));
  }
  if (!(number >= lowest && number <= highest)) {  // NaN is neither
    return not_a(value, fmt::format("a number from {} to {}", lowest, highest));
  }
  return number;
}

Result<std::uint64_t> read_count(const TomlValue& value, std::uint64_t lowest, std::uint64_t highest) {
  const auto* whole = std::get_if<std::int64_t>(&value.data);
  if (whole == nullptr || *whole < 0 || static_cast<std::uint64_t>(*whole) < lowest ||
      static_cast<std::uint64_t>(*whole) > highest) {
    return not_a(value, fmt::format("a whole number from {} to {}", lowest, highest));
  }
  return static_cast<std::uint64_t>(*whole);
}

Result<bool> read_flag(const TomlValue& value) {
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag;
  return not_a(value, "true or false");
}

Result<std::string> read_text(const TomlValue& value, std::size_t most) {
  const auto* text = std::get_if<std::string>(&value.data);
  const auto printable = [](char c) { return c >= ' ' && c < 0x7f; };
  if (text == nullptr || text->empty() || text->size() > most || !std::all_of(text->begin(), text->end(), printable)) {
    return not_a(value, fmt::format("a text of 1 to {} ASCII characters", most));
  }
  return *text;
}

Result<std::vector<std::string>> read_texts(const TomlValue& value, std::size_t most) {
  const auto array = read_as_array(value, most);
  if (!array) return error(array);
  std::vector<std::string> out;
  for (const TomlValue& item : **array) {
    auto text = read_text(item);
    if (!text) return error(text);
    out.push_back(std::move(*text));
  }
  return out;
}

Result<const TomlValue::Table*> read_as_table(const TomlValue& value) {
  if (const auto* table = std::get_if<TomlValue::Table>(&value.data)) return table;
  return not_a(value, "a table");
}

Result<const TomlValue::Array*> read_as_array(const TomlValue& value, std::size_t most) {
  const auto* array = std::get_if<TomlValue::Array>(&value.data);
  if (array == nullptr) return not_a(value, "an array");
  if (array->empty() || array->size() > most) {
    return value.wrong(fmt::format("has {} entries, but may have 1 to {}", array->size(), most));
  }
  return array;
}

tl::unexpected<Error> unknown_key(const TomlValue& value, std::string_view name,
                                  const std::vector<std::string>& known) {
  const auto close = nearest(name, known);
  return value.wrong("there is no such key", (close ? fmt::format("did you mean '{}'? ", *close) : "") +
                                                 fmt::format("known here: {}", fmt::join(known, ", ")));
}

}  // namespace kv
