#include "report/text.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace kv {
namespace {

constexpr char32_t kBroken = 0xffffffff;
constexpr std::size_t kGap = 2;

std::size_t sequence_size(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

/// Takes one code point off the front; kBroken for a byte that begins none (Unicode 15, table 3-7).
char32_t take(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t size = sequence_size(lead);
  char32_t point = size == 1 ? lead : lead & (0xffu >> (size + 1));
  if (size == 0) point = kBroken;
  for (std::size_t i = 1; i < size && point != kBroken; ++i) {
    point = i < text.size() && (byte(i) & 0xc0) == 0x80 ? (point << 6) | (byte(i) & 0x3fu) : kBroken;
  }
  const bool overlong = (size == 3 && point < 0x800) || (size == 4 && point < 0x10000);
  if (overlong || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) point = kBroken;
  text.remove_prefix(point == kBroken ? 1 : size);
  return point;
}

std::size_t columns_of(char32_t c) {
  struct Range {
    char32_t first, last;
  };
  // Combining marks, zero-width characters and variation selectors; then the wide blocks of Unicode's EastAsianWidth.
  constexpr Range kNone[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},   {0x64b, 0x65f},
                             {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}};
  constexpr Range kWide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},  {0x3041, 0xa4cf}, {0xac00, 0xd7a3},
                             {0xf900, 0xfaff},   {0xfe30, 0xfe6f},  {0xff00, 0xff60}, {0xffe0, 0xffe6},
                             {0x1f300, 0x1faff}, {0x20000, 0x3fffd}};
  const auto within = [c](const Range& range) { return range.first <= c && c <= range.last; };
  if (c == kBroken || c < 0x300) return 1;
  if (std::any_of(std::begin(kNone), std::end(kNone), within)) return 0;
  return std::any_of(std::begin(kWide), std::end(kWide), within) ? 2 : 1;
}

/// The longest leading part of at most `width` columns.
std::string_view head(std::string_view text, std::size_t width) {
  std::string_view rest = text;
  std::size_t used = 0;
  while (!rest.empty()) {
    std::string_view after = rest;
    used += columns_of(take(after));
    if (used > width) break;
    rest = after;
  }
  return text.substr(0, text.size() - rest.size());
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (;;) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::size_t> natural_widths(const Table& table) {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    std::size_t width = 0;
    for (const std::string& line : lines_of(table.columns[c].heading)) width = std::max(width, display_width(line));
    for (const auto& row : table.rows) width = std::max(width, display_width(row[c]));
    widths.push_back(width);
  }
  return widths;
}

std::size_t total_width(const std::vector<std::size_t>& widths) {
  return std::accumulate(widths.begin(), widths.end(), std::size_t{0}) +
         kGap * (std::max<std::size_t>(widths.size(), 1) - 1);
}

void shrink(std::vector<std::size_t>& widths, const Table& table, std::size_t width) {
  for (std::size_t c = 0; c < widths.size(); ++c) {
    const std::size_t total = total_width(widths), least = table.columns[c].least;
    if (total <= width) return;
    if (least != 0 && widths[c] > least) widths[c] -= std::min(total - width, widths[c] - least);
  }
}

std::string line_of(const Table& table, const std::vector<std::size_t>& widths, const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t c = 0; c < widths.size(); ++c) {
    if (c > 0) line.append(kGap, ' ');
    line += padded(shorten_middle(cells[c], widths[c]), widths[c], table.columns[c].align);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

/// Headings have one line or more; they stand on the line above the rows.
std::vector<std::string> heading_lines(const Table& table, const std::vector<std::size_t>& widths) {
  std::vector<std::vector<std::string>> headings;
  std::size_t height = 0;
  for (std::size_t c = 0; c < widths.size(); ++c) {
    headings.push_back(lines_of(table.columns[c].heading));
    height = std::max(height, headings.back().size());
  }
  std::vector<std::string> lines;
  for (std::size_t line = 0; line < height; ++line) {
    std::vector<std::string> cells;
    for (const auto& heading : headings) {
      const std::size_t above = height - heading.size();
      cells.push_back(line < above ? std::string() : heading[line - above]);
    }
    lines.push_back(line_of(table, widths, cells));
  }
  return lines;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) width += columns_of(take(text));
  return width;
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view before = text;
    const char32_t c = take(text);
    const bool control = c == kBroken || c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e);
    out += control ? std::string_view("?") : before.substr(0, before.size() - text.size());
  }
  return out;
}

std::string shorten_middle(std::string_view text, std::size_t width) {
  constexpr std::string_view kDots = "...";
  std::size_t left = display_width(text);
  if (left <= width) return std::string(text);
  if (width <= kDots.size()) return std::string(head(text, width));
  const std::size_t keep = width - kDots.size();
  std::string_view tail = text;
  while (left > keep / 2) left -= columns_of(take(tail));
  return std::string(head(text, keep - keep / 2)).append(kDots).append(tail);
}

std::string padded(std::string_view text, std::size_t width, Align align) {
  const std::size_t used = display_width(text);
  const std::string blanks(width > used ? width - used : 0, ' ');
  return align == Align::left ? std::string(text) + blanks : blanks + std::string(text);
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent, std::size_t used) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    const std::size_t size = display_width(word);
    if (!out.empty() && used + 1 + size > width) {
      out += '\n' + std::string(indent, ' ');
      used = indent;
    } else if (!out.empty()) {
      out += ' ';
      ++used;
    }
    out += word;
    used += size;
  }
  return out;
}

TableLines lay_out(const Table& table, std::size_t width) {
  const std::vector<std::size_t> natural = natural_widths(table);
  std::vector<std::size_t> widths = natural;
  TableLines lines;
  shrink(widths, table, width);
  while (widths.size() > 2 && total_width(widths) > width) {
    std::string heading = table.columns[widths.size() - 1].heading;
    std::replace(heading.begin(), heading.end(), '\n', ' ');
    lines.left_out.push_back(std::move(heading));
    widths.assign(natural.begin(), natural.begin() + static_cast<std::ptrdiff_t>(widths.size() - 1));
    shrink(widths, table, width);
  }
  std::reverse(lines.left_out.begin(), lines.left_out.end());
  lines.width = total_width(widths);
  lines.headings = heading_lines(table, widths);
  for (const auto& row : table.rows) lines.rows.push_back(line_of(table, widths, row));
  return lines;
}

}  // namespace kv
