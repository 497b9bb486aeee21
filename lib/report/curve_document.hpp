#pragma once
#include <optional>
#include <string>

#include "curve/curve.hpp"
#include "report/fields.hpp"
#include "report/workload_document.hpp"

namespace kv {

inline constexpr const char* kCurveSchema = "kvkit.curve/1";

/// What a curve's document is made of.
struct CurveContext {
  WorkloadDocument head;
  const Curve& curve;
  /// Of one full block, in the cache; nullopt: no model was named, and sizes are blocks only.
  std::optional<double> block_bytes;
  std::optional<double> usd_per_gb_hour;
  Json resolved;  ///< an object: what followed from the options (model, bytes, sample ...)
};

/// One row of the table of `.points[]`, `.ttl_points[]` and `.capacity_ttl_points[]`: JSON, table, CSV, Markdown,
/// schema and docs/curves.md are driven by it.
struct CurveField {
  enum class In { both, points, ttl_points };
  std::string path;
  Unit unit;
  std::string heading;  ///< column title in the table, '\n' between its lines; empty: not shown there
  In in = In::both;
  std::string meaning;
  /// `smaller`: the point of the same policy at the next smaller capacity, if there is one.
  std::function<Json(const CurvePoint& point, const CurvePoint* smaller, const CurveContext& context)> get;
};
std::span<const CurveField> curve_fields();

Json make_curve_document(const CurveContext& context);
/// Renders what make_curve_document made; ends with a newline.
std::string render_curve(const Json& document, Format format, const Style& style = {});

/// JSON Schema (draft 7) and the table of docs/curves.md; a test keeps both equal to the files.
Json curve_schema();
std::string curve_fields_markdown();

/// Reads a document that make_curve_document made; bounded and strict. Errors name the file and the place.
Result<Json> read_curve(const std::string& path);
Result<Json> read_curve_text(std::string_view text, const std::string& name);
/// Combines estimates of one workload from samples that do not overlap (slices of one seed) at the same capacities:
/// hit rates weighted by the samples' rates, errors likewise. Fails (bad_input) where the documents do not belong
/// together, and says what differs.
Result<Json> merge_curves(const std::vector<Json>& documents, const std::vector<std::string>& names);

}  // namespace kv
