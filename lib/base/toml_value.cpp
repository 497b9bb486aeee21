#include "base/toml_value.hpp"

#include <fmt/format.h>

#include <algorithm>

// One parser, compiled into this file and nowhere else; no exceptions, so that bad input is a value. What it asserts
// does not hold for "[." (3.3: a debug build ends, and a release build takes it for true), while the branches behind it
// report such input as they should: so nothing is asserted or assumed, in any build.
#undef NDEBUG
#define TOML_ASSERT(expression) static_assert(true)
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 16
#include <toml++/toml.h>

#include "base/parse.hpp"

namespace kv {

const TomlValue* TomlValue::find(std::string_view key) const {
  const auto* table = std::get_if<Table>(&data);
  if (table == nullptr) return nullptr;
  for (const auto& [name, value] : *table) {
    if (name == key) return &value;
  }
  return nullptr;
}

tl::unexpected<Error> TomlValue::wrong(const std::string& what, std::string hint) const {
  const std::string place = path.empty() ? "" : path + ": ";
  return error(Code::bad_input, fmt::format("{}:{}: {}{}", source ? source->name : "document", line, place, what),
               std::move(hint));
}

namespace {

constexpr std::size_t kMaxKeyParts = 16;

/// Skips a string or comment that begins at `at`, as TOML cuts them; other characters are stepped over.
std::size_t skip_text(std::string_view text, std::size_t at) {
  const char quote = text[at];
  if (quote == '#') return std::min(text.find('\n', at), text.size());
  const std::string_view three = quote == '"' ? "\"\"\"" : "'''";
  const bool many_lines = text.substr(at, 3) == three;
  const std::string_view end = many_lines ? three : three.substr(0, 1);
  for (std::size_t i = at + end.size(); i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text.substr(i, end.size()) == end) {
      return i + end.size();
    } else if (text[i] == '\n' && !many_lines) {
      return i;
    }
  }
  return text.size();
}

constexpr const char* kBeyondAscii = "other than ASCII, outside of a comment";

struct Unreadable {
  std::uint32_t line = 0;  ///< 0: nothing is wrong
  std::string what;
};

/// What must not reach the parser: a key of more parts than any document needs, because it makes a table a part and
/// takes them down by recursion; and other characters than ASCII outside of comments: none needs them, and toml++
/// 3.3 takes some for impossible (its is_non_ascii_horizontal_whitespace), behind a backslash in a string, too.
Unreadable find_unreadable(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  // A quote begins a string only behind one of these; behind anything else the parser looks on into what follows it.
  constexpr std::string_view kBeforeString = "=,.[{\r\n";
  std::uint32_t line = 1;
  std::size_t dots = 0;
  char before = '\n';
  for (std::size_t i = text.substr(0, 3) == kByteOrderMark ? 3 : 0; i < text.size();) {
    const char c = text[i];
    const bool quoted = (c == '"' || c == '\'') && kBeforeString.find(before) != std::string_view::npos;
    if (c != ' ' && c != '\t') before = c;
    if (c == '#' || quoted) {
      const std::size_t end = skip_text(text, i);
      for (; i < end; ++i) {
        if (quoted && static_cast<unsigned char>(text[i]) >= 0x80) return {line, kBeyondAscii};
        line += text[i] == '\n';
      }
      continue;
    }
    const bool in_key = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
                        c == '-' || c == ' ' || c == '\t' || c == '.';
    dots = in_key ? dots + (c == '.') : 0;
    if (dots >= kMaxKeyParts) return {line, fmt::format("a key of more than {} parts", kMaxKeyParts)};
    if (static_cast<unsigned char>(c) >= 0x80) {
      return {line, kBeyondAscii};
    }
    line += c == '\n';
    ++i;
  }
  return {};
}

/// toml++ nodes -> ours. Depth is bounded: nesting by the parser, dotted keys by find_unreadable.
class Converter {
 public:
  explicit Converter(TomlSource source) : source_(std::make_shared<const TomlSource>(std::move(source))) {}

  Result<TomlValue> convert(const toml::node& node, std::string path) {  // NOLINT(misc-no-recursion)
    TomlValue out{.data = false, .source = source_, .line = node.source().begin.line, .path = std::move(path)};
    if (const auto* table = node.as_table()) return convert_table(*table, std::move(out));
    if (const auto* array = node.as_array()) return convert_array(*array, std::move(out));
    if (const auto* text = node.as_string()) {
      out.data = text->get();
    } else if (const auto* whole = node.as_integer()) {
      out.data = whole->get();
    } else if (const auto* number = node.as_floating_point()) {
      out.data = number->get();
    } else if (const auto* flag = node.as_boolean()) {
      out.data = flag->get();
    } else if (const auto* date = node.as_date(); date != nullptr && source_->dialect.dates) {
      const toml::date& d = date->get();
      out.data = fmt::format("{:04}-{:02}-{:02}", d.year, unsigned{d.month}, unsigned{d.day});
    } else {
      return out.wrong(
          fmt::format("is a date or time, which {} has no use for", source_->dialect.noun),
          source_->dialect.dates ? "a date is 2026-05-20, without a time" : "times are numbers of seconds");
    }
    return out;
  }

 private:
  Result<TomlValue> convert_table(const toml::table& table, TomlValue out) {  // NOLINT(misc-no-recursion)
    TomlValue::Table members;
    for (const auto& [key, child] : table) {
      const std::string name(key.str());
      const bool plain = name.size() <= 60 && quote(name) == "'" + name + "'";
      if (!plain) return out.wrong(fmt::format("no key is called {}", quote(name)));
      auto value = convert(child, out.path.empty() ? name : out.path + "." + name);
      if (!value) return error(value);
      members.push_back({name, std::move(*value)});
    }
    out.data = std::move(members);
    return out;
  }

  Result<TomlValue> convert_array(const toml::array& array, TomlValue out) {  // NOLINT(misc-no-recursion)
    TomlValue::Array items;
    for (const toml::node& child : array) {
      auto value = convert(child, fmt::format("{}[{}]", out.path, items.size() + 1));
      if (!value) return error(value);
      items.push_back(std::move(*value));
    }
    out.data = std::move(items);
    return out;
  }

  std::shared_ptr<const TomlSource> source_;
};

}  // namespace

Result<TomlValue> parse_toml(std::string_view text, const std::string& name, const TomlDialect& dialect) {
  if (text.size() > kMaxTomlBytes) {
    return error(Code::bad_input,
                 fmt::format("{}: {} of more than {}", name, dialect.noun, format_bytes(Bytes(kMaxTomlBytes))),
                 std::string(dialect.size_hint));
  }
  if (const Unreadable found = find_unreadable(text); found.line != 0) {
    return error(Code::bad_input, fmt::format("{}:{}: {}", name, found.line, found.what));
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& failed = parsed.error();
    return error(Code::bad_input,
                 fmt::format("{}:{}: not TOML: {}", name, failed.source().begin.line,
                             quote(failed.description().substr(0, 200))),
                 fmt::format("{} is TOML: {}", dialect.noun, dialect.shape_hint));
  }
  return Converter({name, dialect}).convert(parsed.table(), "");
}

}  // namespace kv
