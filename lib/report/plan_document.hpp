#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plan/estimate.hpp"
#include "plan/scale.hpp"
#include "report/fields.hpp"

namespace kv {

inline constexpr const char* kPlanSchema = "kvkit.plan/1";

/// Which of kvplan's plans it is, and so which sections the document has.
enum class PlanPart { estimate, size, roi, decide, scale };
std::string_view plan_part_name(PlanPart part);

/// What the document is made of. What is pointed to must be there until it is made.
struct PlanContext {
  std::vector<std::string> command_line;
  Json config;                              ///< an object: every option with its effective value
  std::string workload_path;                ///< empty: the workload is made from a summary
  std::optional<WorkloadSummary> workload;  ///< nullopt: likewise
  std::string model, gpu, weight_dtype, codec;
  std::string stored_per_payload_source;  ///< "nominal", "measured: report.json"
  std::string links_source;               ///< "probe profile FILE", "assumed"
  std::string prefill_device;
  const PlanBasis* basis = nullptr;    ///< never null, nor are its workload, demand, geometry and prices
  const PlanRanges* ranges = nullptr;  ///< null: no inputs are listed
  const Estimate* estimate = nullptr;  ///< null: sections that it is the source of are null or empty, as for scale
  std::vector<ScaleRow> scale;
  PlanPart part = PlanPart::estimate;
  std::vector<std::string> assumptions, warnings;  ///< before those of the estimate
  std::uint64_t seed = 1;
};

/// One figure: JSON, CSV, schema and docs/planning.md are driven by it.
struct PlanField {
  std::string path;  ///< within its table
  Unit unit;
  bool may_be_negative;
  std::string meaning;
  std::function<Json(const PlanContext&, std::size_t row)> get;
};
/// A section (`.demand`) or a list of rows (`.cost.options[]`).
struct PlanTable {
  std::string path;
  std::string meaning;
  bool is_list;
  /// Rows of a list; of a section 1, or 0 where there is nothing to tell, which makes it null.
  std::function<std::size_t(const PlanContext&)> rows;
  std::vector<PlanField> fields;
};
/// In the order of the document, each list behind the section that holds it.
std::span<const PlanTable> plan_tables();
/// The fields of a list, for those who render it; none for an unknown path.
std::span<const PlanField> plan_fields(std::string_view table);

/// Names neither machine nor time: equal inputs and seed give equal documents. Every figure is finite or null.
Json make_plan_document(const PlanContext& context);
/// Renders what make_plan_document made; ends with a newline. CSV is the options, of a plan at scale its rows, and of a
/// size alone its tiers of rent.
std::string render_plan(const Json& document, Format format, const Style& style = {});

/// JSON Schema (draft 7) and the tables of docs/planning.md; a test keeps both equal to the files.
Json plan_schema();
std::string plan_fields_markdown();

}  // namespace kv
