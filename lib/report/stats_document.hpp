#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "report/fields.hpp"
#include "report/workload_document.hpp"
#include "stats/stats.hpp"

namespace kv {

inline constexpr const char* kStatsSchema = "kvkit.stats/1";

/// The field table of kvkit.stats/1: figures that stand alone, spreads and lists. JSON, table, CSV, Markdown, schema
/// and the tables of docs/describing.md are driven by it.
struct StatsField {
  std::string path;
  Unit unit;
  std::string meaning;
  std::function<Json(const Stats&)> get;
};
std::span<const StatsField> stats_fields();

/// An object of spread_parts(), all null where there is no value.
struct StatsSpread {
  std::string path;
  Unit unit;            ///< of each part
  std::string heading;  ///< of its row in the table; empty: not shown there
  std::string meaning;
  std::function<std::optional<Spread>(const Stats&)> get;
};
std::span<const StatsSpread> stats_spreads();

struct SpreadPart {
  std::string name;
  bool in_table;
  std::function<double(const Spread&)> get;
};
std::span<const SpreadPart> spread_parts();

struct StatsColumn {
  std::string name;
  Unit unit;
  std::string heading;  ///< empty: not shown in the table
  std::string meaning;
  std::function<Json(const Stats&, std::size_t row)> get;
};
struct StatsList {
  std::string path;
  std::string meaning;
  std::function<std::size_t(const Stats&)> size;
  std::vector<StatsColumn> columns;
};
std::span<const StatsList> stats_lists();
/// Names the lists on failure.
Result<const StatsList*> find_stats_list(const std::string& name);

/// `head` says all but what is in `stats`; .workload, .ideal and further warnings come from there.
Json make_stats_document(WorkloadDocument head, const Stats& stats);
/// What is doubtful about the workload itself.
std::vector<std::string> stats_warnings(const Stats& stats);
/// What the figures mean, in a few sentences.
std::vector<std::string> stats_findings(const Stats& stats);

/// Renders what make_stats_document made; ends with a newline. With `list` that one alone.
std::string render_stats(const Json& document, Format format, const Style& style = {}, const StatsList* list = nullptr);
/// Eight heights from 0 to the largest value, of at most `width` columns, each the mean of the values that it stands
/// for; unknown ones are blank.
std::string sparkline(std::span<const std::optional<double>> values, std::size_t width);

/// JSON Schema (draft 7) and the tables of docs/describing.md; a test keeps both equal to the files.
Json stats_schema();
std::string stats_fields_markdown();

}  // namespace kv
