#pragma once
#include <span>
#include <string>
#include <vector>

#include "probe/analysis.hpp"
#include "report/fields.hpp"

namespace kv {

inline constexpr const char* kProbeSchema = "kvkit.probe/1";
inline constexpr const char* kProfileSchema = "kvkit.profile/1";

/// What a probe's document is made of. Of `context` the workload is not used.
struct ProbeContext {
  const ReportContext& context;
  const probe::Findings& findings;
  std::string backend;  ///< SPEC without secrets
  Bytes chunk;
};

/// One row of the table of `.points[]`: JSON, table, CSV, Markdown, schema and docs/probe.md are driven by it.
struct PointField {
  std::string path;
  Unit unit;
  std::string heading;  ///< column title in the table, '\n' between its lines; empty: not shown there
  std::string meaning;
  std::function<Json(const probe::Point&, const probe::Findings&)> get;
};
std::span<const PointField> point_fields();

/// The same for what stands outside of them, beside those of context_fields() that are not about a workload.
struct ProbeField {
  std::string path;
  Unit unit;
  std::string meaning;
  std::function<Json(const ProbeContext&)> get;
};
std::span<const ProbeField> probe_fields();

Json make_probe_document(const ProbeContext& probe);
/// What `.best` says of one operation, in a sentence.
std::string best_sentence(const probe::Point& point, const probe::Findings& findings);
/// Renders what make_probe_document made; ends with a newline.
std::string render_probe(const Json& document, Format format, const Style& style = {});

/// JSON Schema (draft 7) and the tables of docs/probe.md; a test keeps both equal to the files.
Json probe_schema();
std::string point_fields_markdown();

probe::Profile profile_of(const ProbeContext& probe);
Json profile_json(const probe::Profile& profile);
/// Reads what `kvbench probe --profile FILE` wrote, or the `.profile` of its whole document; bounded and strict: every
/// figure must be there, finite and in its range. Errors name the file and the place.
Result<probe::Profile> read_profile(const std::string& path);
Result<probe::Profile> read_profile_text(std::string_view text, const std::string& name);

}  // namespace kv
