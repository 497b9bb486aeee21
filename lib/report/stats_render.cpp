#include <algorithm>
#include <array>
#include <cmath>

#include "report/render_parts.hpp"
#include "report/stats_document.hpp"
#include "report/view.hpp"

namespace kv {
namespace {

constexpr std::size_t kTopShown = 5;     // prefixes in the table of all
constexpr std::size_t kLruShown = 10;    // capacities in the line of all
constexpr std::size_t kSparkWidth = 60;  // columns

/// Times that people chose, as they would write them: "10 min", not "600 s".
std::string time_text(double value) {
  constexpr std::array kUnits{std::pair{86400.0, "d"}, std::pair{3600.0, "h"}, std::pair{60.0, "min"}};
  for (const auto& [size, name] : kUnits) {
    if (value >= size && std::fmod(value, size) == 0) return fmt::format("{:.0f} {}", value / size, name);
  }
  return figure_text(value, Unit::seconds);
}

std::string cell_text(const Json* value, Unit unit) {
  const bool time = unit == Unit::seconds && value != nullptr && value->is_number();
  return time ? time_text(value->get<double>()) : figure_text(value, unit);
}

/// A mean of counts is none.
Unit unit_of(const StatsSpread& spread, const SpreadPart& part) {
  return part.name == "mean" && spread.unit == Unit::count ? Unit::amount : spread.unit;
}

/// Rows of a list: all, or the first `most`.
Table list_table(const Json& document, const StatsList& list, std::size_t most = SIZE_MAX) {
  Table table;
  for (const StatsColumn& column : list.columns) {
    table.columns.push_back({column.heading, column.unit == Unit::text ? Align::left : Align::right, 0});
  }
  for (const Json& row : list_at(document, list.path)) {
    if (table.rows.size() == most) break;
    std::vector<std::string> cells;
    for (const StatsColumn& column : list.columns) cells.push_back(cell_text(find(row, column.name), column.unit));
    table.rows.push_back(std::move(cells));
  }
  return table;
}

/// Spreads of which there are values.
Table spread_table(const Json& document) {
  Table table{{{"", Align::left, 12}}, {}};
  for (const SpreadPart& part : spread_parts()) {
    if (part.in_table) table.columns.push_back({part.name, Align::right, 0});
  }
  for (const StatsSpread& spread : stats_spreads()) {
    if (spread.heading.empty() || number_at(document, spread.path + ".count").value_or(0) == 0) continue;
    std::vector<std::string> cells{spread.heading};
    for (const SpreadPart& part : spread_parts()) {
      if (part.in_table)
        cells.push_back(figure_text(find(document, spread.path + "." + part.name), unit_of(spread, part)));
    }
    table.rows.push_back(std::move(cells));
  }
  return table;
}

std::string table_text(const Table& table, const Paint& paint, std::size_t width) {
  const TableLines lines = lay_out(table, width);
  std::string out;
  for (const std::string& heading : lines.headings) out += paint.bold(heading) + "\n";
  for (const std::string& row : lines.rows) out += row + "\n";
  return out + left_out_text(lines, paint, width);
}

const StatsList& list_named(std::string_view path) {
  return *std::find_if(stats_lists().begin(), stats_lists().end(),
                       [path](const StatsList& list) { return list.path == path; });
}

std::vector<std::optional<double>> column_of(const Json& document, std::string_view list, std::string_view name) {
  std::vector<std::optional<double>> out;
  for (const Json& row : list_at(document, list)) out.push_back(number_at(row, name));
  return out;
}

std::string figure(const Json& document, std::string_view path, Unit unit) {
  return cell_text(find(document, path), unit);
}

/// "10 s 4.4%, 30 s 9.1%, ..." of two columns.
std::string pairs(const Json& document, std::string_view list, const char* key, Unit unit, const char* value,
                  Unit value_unit, std::size_t last = SIZE_MAX) {
  const Json& rows = list_at(document, list);
  std::string out;
  for (std::size_t i = rows.size() - std::min(last, rows.size()); i < rows.size(); ++i) {
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", cell_text(find(rows[i], key), unit),
                       cell_text(find(rows[i], value), value_unit));
  }
  return out;
}

struct Line {
  std::string title, text;
};

std::string spark_of(const Json& document, std::string_view column, std::size_t width) {
  const auto values = column_of(document, "series", column);
  return values.size() < 2 ? std::string()
                           : "  " + sparkline(values, std::clamp<std::size_t>(width, 50, 10 + kSparkWidth) - 10);
}

/// What is said in a line each. A curve over time stands on a line of its own, below what it belongs to.
std::vector<Line> lines_of(const Json& d, std::size_t width) {
  const auto rate = number_at(d, "rate.requests_per_s");
  std::vector<Line> lines;
  if (rate) {
    lines.push_back(
        {"rate", fmt::format("{:.1f} requests/min, busiest {} {} the mean, CV of times between {}", 60 * *rate,
                             figure(d, "rate.bin_s", Unit::seconds), figure(d, "rate.peak_to_mean", Unit::factor),
                             figure(d, "rate.interarrival_cv", Unit::factor))});
    lines.push_back({"", spark_of(d, "requests", width)});
  }
  lines.push_back({"ideal", fmt::format("{} of the blocks, {} of the tokens; by time:",
                                        figure(d, "ideal.block_hit_rate", Unit::ratio),
                                        figure(d, "ideal.token_hit_rate", Unit::ratio))});
  lines.push_back({"", spark_of(d, "block_hit_rate", width)});
  lines.push_back({"TTL", pairs(d, "ttl_points", "ttl_s", Unit::seconds, "token_hit_rate", Unit::ratio)});
  lines.push_back(
      {"LRU", pairs(d, "lru_points", "capacity_blocks", Unit::count, "token_hit_rate", Unit::ratio, kLruShown)});
  lines.push_back({"working", "set, blocks at most: " +
                                  pairs(d, "working_sets", "window_s", Unit::seconds, "peak_blocks", Unit::count)});
  lines.push_back(
      {"sharing",
       fmt::format("{} prefix trees, common blocks in front of them: {}; {} blocks branch, {} end a prompt; "
                   "{} of the unique blocks are used once",
                   figure(d, "sharing.trees", Unit::count), figure(d, "sharing.common_blocks", Unit::count),
                   figure(d, "sharing.branching_blocks", Unit::count), figure(d, "sharing.leaf_blocks", Unit::count),
                   figure(d, "reuse.one_shot_share", Unit::ratio))});
  if (const std::string by = text_at(d, "isolation.by"); !by.empty()) {
    lines.push_back({"isolation", fmt::format("by {}: {} of the ideal token hits are lost", by,
                                              figure(d, "isolation.lost_share", Unit::ratio))});
  }
  return lines;
}

std::vector<std::string> texts_at(const Json& document, std::string_view path) {
  std::vector<std::string> out;
  for (const Json& text : list_at(document, path)) out.push_back(figure_text(&text, Unit::text));
  return out;
}

std::vector<HeaderLine> head_of(const Json& document) {
  std::vector<HeaderLine> lines = header_lines(document);
  std::erase_if(lines, [](const HeaderLine& line) { return line.title != "tool" && line.title != "workload"; });
  return lines;
}

std::string as_table(const Json& document, const Style& style) {
  const Paint paint(style.colour);
  const std::size_t width = std::clamp<std::size_t>(style.width, 40, 1000);
  std::string out;
  for (const HeaderLine& line : head_of(document)) out += titled(paint, line.title, line.text, width);
  out += "\n" + table_text(spread_table(document), paint, width) + "\n";
  for (const Line& line : lines_of(document, width)) {
    if (!line.text.empty()) out += titled(paint, line.title, line.text, width);
  }
  const Table top = list_table(document, list_named("top_prefixes"), kTopShown);
  if (!top.rows.empty())
    out += fmt::format("\n{}\n{}", paint.dim("shared prefixes worth most"), table_text(top, paint, width));
  out += "\n";
  for (const std::string& warning : texts_at(document, "warnings")) {
    out += paint.yellow(wrapped("warning: " + warning, width, 2)) + "\n";
  }
  for (const std::string& text : texts_at(document, "findings")) out += paint.bold(wrapped(text, width, 2)) + "\n";
  return out;
}

std::string as_markdown(const Json& document) {
  std::string out = markdown_table(spread_table(document));
  for (const StatsList& list : stats_lists()) {
    if (list.path == "series") continue;  // long; --list series has it
    out += fmt::format("\n**{}**: {}\n\n", markdown_text(list.path), markdown_text(list.meaning)) +
           markdown_table(list_table(document, list));
  }
  out += "\n";
  for (const std::string& text : texts_at(document, "findings")) out += "- " + markdown_text(text) + "\n";
  for (const std::string& text : texts_at(document, "warnings")) out += "- **warning** " + markdown_text(text) + "\n";
  for (const StatsField& field : stats_fields()) {
    const Json* value = find(document, field.path);
    if (value == nullptr || value->is_null()) continue;
    out += fmt::format("- {}: {}\n", markdown_text(field.path), markdown_text(figure_text(value, field.unit)));
  }
  for (const HeaderLine& line : head_of(document))
    out += fmt::format("- {}: {}\n", line.title, markdown_text(line.text));
  return out;
}

std::string list_csv(const Json& document, const StatsList& list) {
  std::string out;
  for (const StatsColumn& column : list.columns) out.append(out.empty() ? "" : ",").append(column.name);
  out += "\n";
  for (const Json& row : list_at(document, list.path)) {
    std::string line;
    for (const StatsColumn& column : list.columns) {
      if (&column != list.columns.data()) line += ',';
      line += csv_value(find(row, column.name));
    }
    out += line + "\n";
  }
  return out;
}

/// name,value: of everything, a list's rows by their number.
void flatten(const Json& value, const std::string& path,
             std::string& out) {  // NOLINT(misc-no-recursion): of our own making
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items())
      flatten(inner, path.empty() ? key : fmt::format("{}.{}", path, key), out);
  } else if (value.is_array() && (value.empty() || value.front().is_object())) {
    for (std::size_t i = 0; i < value.size(); ++i) flatten(value[i], fmt::format("{}[{}]", path, i), out);
  } else {
    out += path + "," + csv_value(&value) + "\n";
  }
}

std::string as_csv(const Json& document) {
  std::string out = "name,value\n";
  flatten(document, "", out);
  return out;
}

}  // namespace

std::string sparkline(std::span<const std::optional<double>> values, std::size_t width) {
  static constexpr std::array kHeights{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const std::size_t columns = std::min(values.size(), std::max<std::size_t>(width, 1));
  std::vector<std::optional<double>> means;
  double most = 0;
  for (std::size_t column = 0; column < columns; ++column) {
    double sum = 0, count = 0;
    for (std::size_t i = column * values.size() / columns; i < (column + 1) * values.size() / columns; ++i) {
      if (!values[i]) continue;
      sum += *values[i];
      ++count;
    }
    means.push_back(count > 0 ? std::optional(sum / count) : std::nullopt);
    most = std::max(most, means.back().value_or(0));
  }
  std::string out;
  for (const auto& mean : means) {
    if (!mean) {
      out += ' ';
      continue;
    }
    const double part = most > 0 ? *mean / most : 0;
    out += kHeights[static_cast<std::size_t>(std::lround(std::clamp(part, 0.0, 1.0) * (kHeights.size() - 1)))];
  }
  return out;
}

std::string render_stats(const Json& document, Format format, const Style& style, const StatsList* list) {
  if (list != nullptr) {
    const std::size_t width = std::clamp<std::size_t>(style.width, 40, 1000);
    if (format == Format::json) return json_text(list_at(document, list->path));
    return render_as(
        document, format,
        [&](const Json& whole) { return table_text(list_table(whole, *list), Paint(style.colour), width); },
        [&](const Json& whole) { return list_csv(whole, *list); },
        [&](const Json& whole) { return markdown_table(list_table(whole, *list)); });
  }
  const auto styled = [&style](const Json& whole) { return as_table(whole, style); };
  return render_as(document, format, styled, as_csv, as_markdown);
}

}  // namespace kv
