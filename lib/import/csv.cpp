#include "import/csv.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/parse.hpp"

namespace kv {
namespace {

constexpr std::size_t kMaxRecord = std::size_t{1} << 20;

/// Splits a record that has come as a whole. False: a quoted field does not end.
bool split(std::string_view text, std::vector<std::string>& fields) {
  fields.clear();
  std::size_t at = 0;
  for (;;) {
    std::string& field = fields.emplace_back();
    if (at < text.size() && text[at] == '"') {
      for (++at;; ++at) {
        if (at >= text.size()) return false;
        if (text[at] != '"') {
          field += text[at];
        } else if (at + 1 < text.size() && text[at + 1] == '"') {
          field += text[++at];
        } else {
          break;
        }
      }
      ++at;
    }
    const std::size_t end = std::min(text.find(',', at), text.size());
    field += text.substr(at, end - at);
    if (end == text.size()) return true;
    at = end + 1;
  }
}

std::string_view without_return(std::string_view text) {
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

std::string trimmed(const std::string& text) {
  const auto from = text.find_first_not_of(" \t"), to = text.find_last_not_of(" \t");
  return from == std::string::npos ? std::string() : text.substr(from, to - from + 1);
}

}  // namespace

CsvReader::CsvReader(std::unique_ptr<ByteSource> source, std::string name)
    : lines_(std::move(source)), name_(std::move(name)) {}

Result<bool> CsvReader::next_record() {
  std::string record;
  Line line;
  std::ptrdiff_t quotes = 0;
  for (bool first = true;;) {
    const auto more = lines_.next(line);
    if (!more) return error(more);
    if (!*more && first) return false;
    if (!*more)
      return error(Code::bad_input, fmt::format("{}:{}: a quote is not closed until the end", name_, line_),
                   "is the file truncated, or a quote missing?");
    if (first && line.blank() && !line.too_long) continue;
    if (first) line_ = line.number;
    if (line.too_long || record.size() + line.size > kMaxRecord) {
      return error(Code::bad_input, fmt::format("{}:{}: the record is longer than 1 MiB", name_, line_),
                   "is this CSV, with one request a line? is a quote not closed?");
    }
    if (!first) record += '\n';
    const std::string_view text = without_return({line.data, line.size});
    record += text;
    quotes += std::count(text.begin(), text.end(), '"');
    first = false;
    if (quotes % 2 != 0) continue;  // a quoted field goes on in the next line
    if (!simdjson::validate_utf8(record)) {
      return error(Code::bad_input, fmt::format("{}:{}: the record is not valid UTF-8", name_, line_),
                   "convert the file, with iconv say; or is it damaged there?");
    }
    if (split(record, fields_)) return true;
    return error(Code::bad_input, fmt::format("{}:{}: quotes stand where none may be", name_, line_),
                 "a field with quotes begins and ends with one, and doubles those within");
  }
}

Result<bool> CsvReader::next() {
  auto more = next_record();
  if (!more || !*more) return more;
  if (expected_ == 0) expected_ = fields_.size();
  if (fields_.size() == expected_) return true;
  return error(Code::bad_input,
               fmt::format("{}:{}: the record has {} {}, but the first line names {}", name_, line_, fields_.size(),
                           fields_.size() == 1 ? "field" : "fields", expected_),
               "is the file truncated, or are line ends missing?");
}

Result<CsvTable> CsvTable::open(std::unique_ptr<ByteSource> source, const std::string& name) {
  CsvTable table(CsvReader(std::move(source), name), name);
  const auto more = table.reader_.next();
  if (!more) return error(more);
  if (!*more)
    return error(Code::bad_input, fmt::format("{}: there is no line in it", name),
                 "is the file empty, or was it not written to its end?");
  for (std::size_t i = 0; i < table.reader_.size(); ++i) table.columns_.push_back(trimmed(table.reader_[i]));
  return table;
}

std::optional<std::size_t> CsvTable::find(const std::string& column) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  if (found == columns_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns_.begin());
}

Result<std::size_t> CsvTable::need(const std::string& column) const {
  if (std::count(columns_.begin(), columns_.end(), column) > 1) {
    return error(Code::bad_input, fmt::format("{}:1: there is more than one column '{}'", name_, column),
                 "leave one of them");
  }
  if (const auto found = find(column)) return *found;
  std::string list;
  for (const std::string& name : columns_) {
    if (list.size() < 400) list += (list.empty() ? "" : ", ") + quote(name);
  }
  const auto close = nearest(column, columns_);
  return error(Code::bad_input, fmt::format("{}:1: there is no column '{}'; the columns are {}", name_, column, list),
               close ? fmt::format("is {} meant?", quote(*close)) : "the first line must name the columns");
}

Result<std::uint64_t> CsvTable::count(std::size_t column, std::uint64_t lowest) const {
  std::string text = trimmed(reader_[column]);
  if (const auto zeros = text.find_last_not_of('0'); zeros != std::string::npos && zeros > 0 && text[zeros] == '.') {
    text.resize(zeros);  // 12.0, as some programs write whole numbers
  }
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && value >= lowest && value <= UINT32_MAX) {
    return value;
  }
  return not_a(column, fmt::format("a whole number from {} to {}", lowest, UINT32_MAX));
}

tl::unexpected<Error> CsvTable::bad(const std::string& what, const std::string& hint) const {
  return error(Code::bad_input, fmt::format("{}:{}: {}", name_, line(), what), hint);
}

tl::unexpected<Error> CsvTable::not_a(std::size_t column, const std::string& what) const {
  return bad(fmt::format("{} must be {}, but is {}", columns_[column], what, quote(reader_[column])),
             "is the file truncated or shifted by a column?");
}

std::vector<std::string> csv_columns(std::string_view head) {
  std::vector<std::string> columns;
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  head = without_return(head.substr(0, std::min(head.find('\n'), kMaxRecord)));
  if (!split(head, columns)) columns.clear();
  for (std::string& column : columns) column = trimmed(column);
  return columns;
}

}  // namespace kv
