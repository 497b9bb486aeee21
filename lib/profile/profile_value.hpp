#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace kv {

struct ProfileMember;

/// A value of a TOML document and where it stands, so that whoever finds fault with it can say so. What no profile
/// uses (dates, times) is refused when the text is parsed.
class ProfileValue {
 public:
  using Array = std::vector<ProfileValue>;
  using Table = std::vector<ProfileMember>;  // in the order of their keys

  std::variant<bool, std::int64_t, double, std::string, Array, Table> data;
  std::shared_ptr<const std::string> file;  ///< the document's name
  std::uint32_t line = 0;
  std::string path;  ///< "component[2].think_s"; empty: the document itself

  /// The member of a table; null where there is none or this is no table.
  const ProfileValue* find(std::string_view key) const;

  /// "file:line: path: what", bad_input.
  tl::unexpected<Error> wrong(const std::string& what, std::string hint = {}) const;
};

struct ProfileMember {
  std::string name;
  ProfileValue value;
};

/// TOML text -> its tables, without a trace of the parser that is used. Bounded: kMaxProfileBytes, nesting of 16.
/// Errors (bad_input) name `name`:line.
Result<ProfileValue> parse_toml(std::string_view text, const std::string& name);

}  // namespace kv
