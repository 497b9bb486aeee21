#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace kv {

struct TomlMember;

/// What a kind of document is called in messages, and what their hints say. Static texts.
struct TomlDialect {
  std::string_view noun = "a document";
  std::string_view shape_hint = "key = value below [table]; strings stand in quotes";
  std::string_view keys_hint = {};  ///< where all keys and what they take are told
  std::string_view size_hint = {};
  bool dates = false;  ///< a date without a time becomes the text "2026-05-20"; else every date is refused
};
inline constexpr std::size_t kMaxTomlBytes = std::size_t{1} << 20;

/// Where a value was read.
struct TomlSource {
  std::string name;  ///< of the file
  TomlDialect dialect;
};

/// A value of a TOML document and where it stands, so that whoever finds fault with it can say so. Times, and dates
/// where the dialect has none, are refused when the text is parsed.
class TomlValue {
 public:
  using Array = std::vector<TomlValue>;
  using Table = std::vector<TomlMember>;  // in the order of their keys

  std::variant<bool, std::int64_t, double, std::string, Array, Table> data;
  std::shared_ptr<const TomlSource> source;
  std::uint32_t line = 0;
  std::string path;  ///< "component[2].think_s"; empty: the document itself

  /// The member of a table; null where there is none or this is no table.
  const TomlValue* find(std::string_view key) const;

  /// "file:line: path: what", bad_input.
  tl::unexpected<Error> wrong(const std::string& what, std::string hint = {}) const;
};

struct TomlMember {
  std::string name;
  TomlValue value;
};

/// TOML text -> its tables, without a trace of the parser that is used. Bounded: kMaxTomlBytes, nesting of 16.
/// Errors (bad_input) name `name`:line.
Result<TomlValue> parse_toml(std::string_view text, const std::string& name, const TomlDialect& dialect = {});

}  // namespace kv
