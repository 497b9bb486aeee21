#pragma once
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "metrics/machine.hpp"
#include "replay/result.hpp"
#include "workload/workload.hpp"

namespace kv {

inline constexpr const char* kReportSchema = "kvkit.report/1";

enum class Unit { none, text, count, bytes, nanoseconds, ratio, factor, bytes_per_s, per_s };
enum class Role { identity, metric, context };
enum class Better { neither, higher, lower };

/// One row of the one field table: where a figure stands in `.runs[]`, what it means, and how it is made. JSON, table,
/// CSV, Markdown, schema and compare are driven by it. `heading`: column title in the table, empty: not shown there.
struct Field {
  std::string path;  ///< "hits.token_hit_rate"
  Unit unit;
  Role role;
  Better better;
  bool portable;  ///< means the same on any machine
  std::string heading;
  std::string meaning;
  nlohmann::ordered_json (*get)(const RunResult&);
};
std::span<const Field> fields();

/// Everything that a report says beyond its runs.
struct ReportContext {
  std::vector<std::string> command_line;  ///< secrets removed
  nlohmann::ordered_json config;          ///< every option with its effective value
  WorkloadSummary workload;
  std::string workload_path;
  nlohmann::ordered_json workload_extra;  ///< selection, sampling error, bad lines
  Machine machine;
  Limits limits;
  std::vector<std::string> warnings;
  bool interrupted = false;
};
/// The document of schema kReportSchema. Unknown figures are null, never 0, NaN or infinite.
nlohmann::ordered_json make_report(const ReportContext& context, std::span<const RunResult> runs);

enum class Format { table, json, csv, markdown };
Result<Format> parse_format(const std::string& name);

struct Style {
  bool colour = false;
  std::size_t width = 100;  ///< columns of the terminal
};
/// Renders a document that make_report made or read_report read.
std::string render(const nlohmann::ordered_json& report, Format format, const Style& style = {});
/// Two or three sentences in plain words: what the cache saved over the engine's own, what it cost, which requests it
/// made slower.
std::string verdict(const nlohmann::ordered_json& report);

/// Reads and checks a report file: bounded in size and depth, schema known. Errors name the file and the place.
Result<nlohmann::ordered_json> read_report(const std::string& path);

}  // namespace kv
