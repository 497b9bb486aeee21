#pragma once
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "report/document.hpp"
#include "report/text.hpp"

namespace kv {

/// What tables, CSV and Markdown of our documents are made of; for the files that render them.

/// ANSI colours, or none.
class Paint {
 public:
  explicit Paint(bool on) : on_(on) {}
  std::string bold(std::string_view text) const { return with("1", text); }
  std::string dim(std::string_view text) const { return with("2", text); }
  std::string green(std::string_view text) const { return with("32", text); }
  std::string red(std::string_view text) const { return with("31", text); }
  std::string yellow(std::string_view text) const { return with("33", text); }

 private:
  std::string with(const char* code, std::string_view text) const {
    return on_ && !text.empty() ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
  }
  bool on_;
};

/// "title     text", wrapped beneath the text.
std::string titled(const Paint& paint, std::string_view title, std::string_view text, std::size_t width);
/// Beneath a table: what it was too narrow for.
std::string left_out_text(const TableLines& lines, const Paint& paint, std::size_t width);
/// RFC 4180; nothing for null.
std::string csv_value(const Json* value);
/// The first line of a CSV: the paths of `columns`, a range of things that have a `path`.
template <class Columns>
std::string csv_heading(const Columns& columns) {
  std::string out;
  for (const auto& column : columns) out.append(out.empty() ? "" : ",").append(column.path);
  return out + '\n';
}
/// A line of CSV for each of `rows`, under csv_heading(columns).
template <class Columns>
std::string csv_lines(const Columns& columns, const Json& rows) {
  std::string out;
  for (const Json& row : rows) {
    const char* between = "";
    for (const auto& column : columns) {
      out.append(std::exchange(between, ",")).append(csv_value(find(row, column.path)));
    }
    out += '\n';
  }
  return out;
}
/// Text of a report must neither break a table nor become HTML.
std::string markdown_text(std::string_view text);
std::string markdown_table(const Table& table);

/// JSON as every document of ours is written; ends with a newline.
std::string json_text(const Json& document);
/// One document in the format asked for: how it is a table, CSV and Markdown is the caller's.
template <class AsTable, class AsCsv, class AsMarkdown>
std::string render_as(const Json& document, Format format, const AsTable& as_table, const AsCsv& as_csv,
                      const AsMarkdown& as_markdown) {
  switch (format) {
    case Format::table:
      return as_table(document);
    case Format::json:
      return json_text(document);
    case Format::csv:
      return as_csv(document);
    case Format::markdown:
      return as_markdown(document);
  }
  return {};
}

}  // namespace kv
