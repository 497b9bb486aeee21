#pragma once
#include <chrono>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "metrics/machine.hpp"
#include "replay/result.hpp"
#include "workload/workload.hpp"

namespace kv {

using Json = nlohmann::ordered_json;

inline constexpr const char* kReportSchema = "kvkit.report/1";

/// Everything that a report says beyond its runs.
struct ReportContext {
  std::vector<std::string> command_line;  ///< secrets removed
  Json config;                            ///< an object: every option with its effective value
  std::string payload = "kv";             ///< what payloads were made of
  WorkloadSummary workload;
  std::string workload_path;
  Json workload_extra;  ///< an object, merged into .workload: selection, sampling error, bad lines
  Machine machine;      ///< its warnings are added to .warnings[]
  Limits limits;
  std::vector<std::string> warnings;
  std::chrono::system_clock::time_point started_at;  ///< the epoch: unknown
  bool interrupted = false;
};
/// The document of schema kReportSchema. Unknown figures are null, never 0, NaN or infinite.
Json make_report(const ReportContext& context, std::span<const RunResult> runs);

enum class Format { table, json, csv, markdown };
Result<Format> parse_format(const std::string& name);

struct Style {
  bool colour = false;
  std::size_t width = 100;  ///< columns of the terminal
};
/// Renders a document that make_report made or read_report read; ends with a newline.
std::string render(const Json& report, Format format, const Style& style = {});
/// A few sentences in plain words: what the cache saved over the engine's own, what it cost, which requests it
/// made slower. Times of scaled runs are never judged.
std::string verdict(const Json& report);

/// Reads and checks a report file: bounded in size and depth, schema known. Errors name the file and the place.
Result<Json> read_report(const std::string& path);
/// The same for a file that may also hold a list of reports, as `kvbench report A B --format json` writes it.
Result<std::vector<Json>> read_reports(const std::string& path);
/// The same two for text that `name` stands for in messages.
Result<Json> read_report_text(std::string_view text, const std::string& name);
Result<std::vector<Json>> read_reports_text(std::string_view text, const std::string& name);

}  // namespace kv
