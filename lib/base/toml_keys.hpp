#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/parse.hpp"
#include "base/toml_value.hpp"

namespace kv {

/// One key of a table: drives parsing, the suggestion for an unknown key, and lists of keys (`kvtrace gen --keys`).
template <class T>
struct TomlKey {
  std::string name;
  std::string preset;  ///< what holds where it is left out, for the reader; kRequired: it cannot be
  std::string summary;
  std::function<Result<void>(const TomlValue&, T&)> read;
};
inline constexpr const char* kRequired = "required";

/// Checked values. Errors name the place, what was expected and what stands there.
Result<double> read_number(const TomlValue& value, double lowest, double highest);
Result<std::uint64_t> read_count(const TomlValue& value, std::uint64_t lowest, std::uint64_t highest);
Result<bool> read_flag(const TomlValue& value);
/// 1 to `most` printable characters.
Result<std::string> read_text(const TomlValue& value, std::size_t most = 60);
/// At most `most` of them, at least one.
Result<std::vector<std::string>> read_texts(const TomlValue& value, std::size_t most);
/// The value as a table, or an array of at most `most` and at least one.
Result<const TomlValue::Table*> read_as_table(const TomlValue& value);
Result<const TomlValue::Array*> read_as_array(const TomlValue& value, std::size_t most);

/// "there is no such key; did you mean ...? known: ..."
tl::unexpected<Error> unknown_key(const TomlValue& value, std::string_view name, const std::vector<std::string>& known);

/// Reads every member of the table `value` by the row of its name; `also` are members that others read.
template <class T>
Result<void> read_table(const TomlValue& value, std::span<const TomlKey<T>> keys, T& out,
                        std::span<const std::string> also = {}) {
  const auto table = read_as_table(value);
  if (!table) return error(table);
  for (const auto& [name, member] : **table) {
    const TomlKey<T>* row = nullptr;
    for (const TomlKey<T>& key : keys) {
      if (key.name == name) row = &key;
    }
    if (row != nullptr) {
      if (auto read = row->read(member, out); !read) return read;
      continue;
    }
    if (std::find(also.begin(), also.end(), name) != also.end()) continue;
    std::vector<std::string> names(also.begin(), also.end());
    for (const TomlKey<T>& key : keys) names.push_back(key.name);
    return unknown_key(member, name, names);
  }
  for (const TomlKey<T>& key : keys) {
    if (key.preset == kRequired && value.find(key.name) == nullptr) {
      return value.wrong(fmt::format("the key {} is missing", key.name), key.name + ": " + key.summary);
    }
  }
  return {};
}

/// Rows for the usual kinds of members.
template <class T>
TomlKey<T> number_key(std::string name, double T::*into, std::string preset, std::string summary, double lowest,
                      double highest) {
  return {std::move(name), std::move(preset), std::move(summary), [=](const TomlValue& value, T& out) -> Result<void> {
            const auto number = read_number(value, lowest, highest);
            if (!number) return error(number);
            out.*into = *number;
            return {};
          }};
}
template <class T>
TomlKey<T> count_key(std::string name, std::uint64_t T::*into, std::string preset, std::string summary,
                     std::uint64_t lowest, std::uint64_t highest) {
  return {std::move(name), std::move(preset), std::move(summary), [=](const TomlValue& value, T& out) -> Result<void> {
            const auto count = read_count(value, lowest, highest);
            if (!count) return error(count);
            out.*into = *count;
            return {};
          }};
}
/// The member that chose the row: it was read already.
template <class T>
TomlKey<T> type_key(std::string summary) {
  return {"type", kRequired, std::move(summary), [](const TomlValue&, T&) { return Result<void>(); }};
}

/// Row of a registry that is told by a name: {name, summary, ...}; an unknown name suggests the nearest.
template <class Row>
Result<const Row*> find_row(const TomlValue& at, std::span<const Row> rows, std::string_view name) {
  std::vector<std::string> names;
  for (const Row& row : rows) {
    if (row.name == name) return &row;
    names.emplace_back(row.name);
  }
  const auto close = nearest(name, names);
  return at.wrong(
      fmt::format("there is no {}", quote(name)),
      (close ? fmt::format("did you mean '{}'? ", *close) : "") + fmt::format("known: {}", fmt::join(names, ", ")));
}

}  // namespace kv
