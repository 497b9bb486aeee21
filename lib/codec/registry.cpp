#include <fmt/format.h>

#include <array>

#include "codec/rows.hpp"

namespace kv {

std::span<const CodecRow> codecs() {
  static const std::array rows{kRawRow, kFp16Row, kPickleRow};
  return rows;
}

Result<CodecSpec> parse_codec(const std::string& text) {
  std::vector<std::string> names;
  std::string list;
  for (const CodecRow& row : codecs()) {
    if (row.name == text) {
      auto options = OptionValues::check(row.name, row.options, {});
      if (!options) return error(options);
      return CodecSpec{.text = text, .row = &row, .options = *std::move(options)};
    }
    names.push_back(row.name);
    list += (list.empty() ? "" : ", ") + row.name;
  }
  const std::string known = "known codecs: " + list;
  const std::string shown = quote(text);
  if (text.find('+') != std::string::npos) {
    return error(Code::bad_input, fmt::format("codec {}: codecs cannot be joined with '+' yet", shown), known);
  }
  if (text.find(':') != std::string::npos) {
    return error(Code::bad_input, fmt::format("codec {}: no codec takes a level yet", shown), known);
  }
  const auto close = nearest(text, names);
  return error(Code::bad_input, fmt::format("unknown codec {}", shown),
               close ? fmt::format("did you mean '{}'? {}", *close, known) : known);
}

}  // namespace kv
