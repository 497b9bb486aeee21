#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/parse.hpp"
#include "base/result.hpp"

namespace kv {

/// A duration is above 0 and at most kMaxOptionDuration, so that adding it to the present cannot overflow.
enum class OptionKind { text, count, bytes, duration, ratio, flag };

inline constexpr Duration kMaxOptionDuration = std::chrono::hours(24 * 365);

/// One option of a registry row: drives parsing, help, `list`, docs and the suggestion for an unknown key.
struct OptionRow {
  std::string key;
  OptionKind kind;
  std::string preset;  ///< default as the user would write it; empty: none
  std::string summary;
};

/// Checked values of a row's options: what the user gave, else the default. Getters of another kind than the row
/// declares are a programming error and assert.
class OptionValues {
 public:
  /// `given` holds key=value pairs, values percent-encoded. An unknown key suggests the nearest, and its value, which
  /// may be a secret, is neither read nor quoted; a bad value names key and kind.
  static Result<OptionValues> check(std::string_view owner, std::span<const OptionRow> rows,
                                    const std::vector<std::pair<std::string, std::string>>& given);

  bool has(const std::string& key) const;  ///< given or with a default
  std::string text(const std::string& key) const;
  std::uint64_t count(const std::string& key) const;
  Bytes bytes(const std::string& key) const;
  Duration duration(const std::string& key) const;
  double ratio(const std::string& key) const;
  bool flag(const std::string& key) const;

 private:
  std::map<std::string, std::string> values_;  // already checked, so that re-parsing cannot fail
};

/// "a=1&b=2" -> pairs as they stand; an empty piece or a piece without '=' is an error (flags: key=true) that does not
/// quote it, since it may be a secret.
Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

/// "%41%2f" -> "A/"; a broken escape is an error that does not quote the text.
Result<std::string> percent_decode(std::string_view text);

std::string_view option_kind_name(OptionKind kind);

}  // namespace kv
