#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace kv {

/// Text for terminals: UTF-8, measured in columns. Bytes that are no UTF-8 count, and are shown, as one '?'.

/// Columns that the text takes: none for combining marks, two for wide East Asian characters and emoji.
std::size_t display_width(std::string_view text);
/// Control characters (a report must not be able to steer a terminal) and broken UTF-8 replaced by '?'.
std::string printable(std::string_view text);
/// At most `width` columns, with "..." in the middle where something was left out.
std::string shorten_middle(std::string_view text, std::size_t width);
enum class Align { left, right };
/// Filled with blanks up to `width` columns.
std::string padded(std::string_view text, std::size_t width, Align align);
/// Breaks at blanks into lines of at most `width` columns; a longer word stays whole. Lines after the first begin
/// with `indent` blanks, which count; `used` columns of the first are taken already.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent = 0, std::size_t used = 0);

struct Column {
  std::string heading;  ///< lines separated by '\n', set at the bottom
  Align align = Align::right;
  std::size_t least = 0;  ///< columns that a shrinkable one must keep; 0: never shortened
};
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
};
/// Lines of the table, headings first, then its rows. Shrinkable columns are shortened in the middle to fit `width`;
/// if that does not do, columns are left out from the right, and `left_out` gets their headings.
struct TableLines {
  std::vector<std::string> headings, rows, left_out;
  std::size_t width = 0;
};
TableLines lay_out(const Table& table, std::size_t width);

}  // namespace kv
