#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include "base/parse.hpp"
#include "prefill/profile_parse.hpp"

namespace kv {
namespace {

constexpr const char* kHeaderHint = "the first line names the columns: prompt_tokens,cached_tokens,ttft_ms";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> cells;
  for (;;) {
    const std::size_t comma = line.find(',');
    cells.push_back(trimmed(line.substr(0, comma)));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

struct Columns {
  std::size_t count = 0;
  std::optional<std::size_t> prompt, cached, ttft;
  double ns = 1;  ///< in the unit of the column of times
};

Result<Columns> columns_of(std::string_view line, const std::string& where) {
  struct Time {
    std::string_view name;
    double ns;
  };
  constexpr std::array<Time, 3> kTimes{{{"ttft_ns", 1}, {"ttft_ms", 1e6}, {"ttft_s", 1e9}}};
  Columns out;
  const auto cells = cells_of(line);
  out.count = cells.size();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::optional<std::size_t>* slot = nullptr;
    if (cells[i] == "prompt_tokens") slot = &out.prompt;
    if (cells[i] == "cached_tokens") slot = &out.cached;
    for (const Time& time : kTimes) {
      if (cells[i] != time.name) continue;
      slot = &out.ttft;
      out.ns = time.ns;
    }
    if (slot == nullptr) continue;  // what else was measured is none of our business
    if (*slot)
      return error(Code::bad_input, fmt::format("{}: two columns for {}", where, quote(cells[i])), kHeaderHint);
    *slot = i;
  }
  if (out.prompt && out.ttft) return out;
  return error(Code::bad_input,
               fmt::format("{}: no column {}", where, out.prompt ? "ttft_ms (or ttft_ns, ttft_s)" : "prompt_tokens"),
               kHeaderHint);
}

Result<double> number_in(std::string_view cell, const std::string& where) {
  double value = 0;
  const auto parsed = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (parsed.ec == std::errc() && parsed.ptr == cell.data() + cell.size() && !cell.empty()) return value;
  return error(Code::bad_input, fmt::format("{}: {} is no number", where, quote(cell)));
}

Result<PrefillPoint> point_in(std::string_view line, const Columns& columns, const std::string& where) {
  const auto cells = cells_of(line);
  if (cells.size() != columns.count) {
    return error(Code::bad_input,
                 fmt::format("{}: {} columns, but the header has {}", where, cells.size(), columns.count));
  }
  const auto prompt = number_in(cells[*columns.prompt], where);
  if (!prompt) return error(prompt);
  const auto cached = columns.cached ? number_in(cells[*columns.cached], where) : Result<double>(0.0);
  if (!cached) return error(cached);
  const auto ttft = number_in(cells[*columns.ttft], where);
  if (!ttft) return error(ttft);
  return checked_point(*prompt, *cached, *ttft * columns.ns, where);
}

}  // namespace

Result<PrefillProfile> parse_profile_csv(std::string_view text, const std::string& name) {
  PrefillProfile out;
  std::optional<Columns> columns;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    const std::string where = fmt::format("{}:{}", name, number);
    if (!columns) {
      auto header = columns_of(line, where);
      if (!header) return error(header);
      columns = *header;
      continue;
    }
    const auto point = point_in(line, *columns, where);
    if (!point) return error(point);
    if (out.points.size() == kMaxProfilePoints) {
      return error(Code::bad_input, fmt::format("{}: over {} measurements", where, kMaxProfilePoints));
    }
    out.points.push_back(*point);
  }
  return out;
}

}  // namespace kv
