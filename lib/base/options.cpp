#include "base/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <charconv>

namespace kv {
namespace {

Result<bool> parse_flag(std::string_view text) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  return error(Code::bad_input, fmt::format("'{}' is not a switch", text.substr(0, 60)), "write true or false");
}

Result<void> check_duration(std::string_view text) {
  constexpr const char* kHint = "write it like 250ms, 30s, 10m or 1h";
  const auto value = parse_duration(text);
  if (!value) return error(value);
  if (*value <= Duration(0)) return error(Code::bad_input, fmt::format("{} is not above 0", quote(text)), kHint);
  if (*value > kMaxOptionDuration) return error(Code::bad_input, fmt::format("{} is above 365d", quote(text)), kHint);
  return {};
}

template <class T>
Result<void> only_error(const Result<T>& parsed) {
  if (!parsed) return error(parsed);
  return {};
}

Result<void> check_value(OptionKind kind, const std::string& value) {
  switch (kind) {
    case OptionKind::text:
      return {};
    case OptionKind::count:
      return only_error(parse_count(value));
    case OptionKind::bytes:
      return only_error(parse_bytes(value));
    case OptionKind::duration:
      return check_duration(value);
    case OptionKind::ratio:
      return only_error(parse_ratio(value));
    case OptionKind::flag:
      return only_error(parse_flag(value));
  }
  return {};
}

tl::unexpected<Error> unknown_key(std::string_view owner, std::span<const OptionRow> rows, const std::string& key) {
  std::vector<std::string> keys;
  std::string list;
  for (const OptionRow& row : rows) {
    keys.push_back(row.key);
    list += (list.empty() ? "" : ", ") + row.key;
  }
  std::string hint = list.empty() ? fmt::format("{} takes no options", owner) : "known options: " + list;
  if (const auto close = nearest(key, keys)) hint = fmt::format("did you mean '{}'? {}", *close, hint);
  return error(Code::bad_input, fmt::format("{}: unknown option '{}'", owner, key.substr(0, 60)), hint);
}

}  // namespace

Result<OptionValues> OptionValues::check(std::string_view owner, std::span<const OptionRow> rows,
                                         const std::vector<std::pair<std::string, std::string>>& given) {
  OptionValues out;
  for (const auto& [key, value] : given) {
    const std::string& name = key;
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const OptionRow& r) { return r.key == name; });
    if (row == rows.end()) return unknown_key(owner, rows, key);
    if (out.values_.count(key) != 0) {
      return error(Code::bad_input, fmt::format("{}: option '{}' is given twice", owner, key));
    }
    const auto decoded = percent_decode(value);
    const auto ok = decoded ? check_value(row->kind, *decoded) : only_error(decoded);
    if (!ok) {
      return error(Code::bad_input, fmt::format("{}: option '{}': {}", owner, key, ok.error().message),
                   ok.error().hint);
    }
    out.values_[key] = *decoded;
  }
  for (const OptionRow& row : rows) {
    if (!row.preset.empty()) out.values_.try_emplace(row.key, row.preset);
  }
  return out;
}

bool OptionValues::has(const std::string& key) const { return values_.count(key) != 0; }

std::string OptionValues::text(const std::string& key) const {
  const auto found = values_.find(key);
  assert(found != values_.end() && "option without a value: ask has() first");
  return found->second;
}

std::uint64_t OptionValues::count(const std::string& key) const { return parse_count(text(key)).value(); }
Bytes OptionValues::bytes(const std::string& key) const { return parse_bytes(text(key)).value(); }
Duration OptionValues::duration(const std::string& key) const { return parse_duration(text(key)).value(); }
double OptionValues::ratio(const std::string& key) const { return parse_ratio(text(key)).value(); }
bool OptionValues::flag(const std::string& key) const { return parse_flag(text(key)).value(); }

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> out;
  while (!query.empty()) {
    const std::string_view piece = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), piece.size() + 1));
    const std::size_t equals = piece.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return error(Code::bad_input, "what follows the '?' is not all key=value",
                   "write options as key=value&key=value");
    }
    out.emplace_back(piece.substr(0, equals), piece.substr(equals + 1));
  }
  return out;
}

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned byte = 0;
    const char* from = text.data() + i + 1;
    if (i + 2 >= text.size() || std::from_chars(from, from + 2, byte, 16).ptr != from + 2) {
      return error(Code::bad_input, "a %-escape is broken", "write a percent sign as %25");
    }
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

std::string_view option_kind_name(OptionKind kind) {
  switch (kind) {
    case OptionKind::text:
      return "text";
    case OptionKind::count:
      return "count";
    case OptionKind::bytes:
      return "bytes";
    case OptionKind::duration:
      return "duration";
    case OptionKind::ratio:
      return "ratio";
    case OptionKind::flag:
      return "true|false";
  }
  return "?";
}

}  // namespace kv
