#pragma once
#include <span>
#include <string>

#include "profile/resemblance.hpp"
#include "report/fields.hpp"
#include "report/workload_document.hpp"

namespace kv {

inline constexpr const char* kFitSchema = "kvkit.fit/1";

/// What `kvtrace fit` made and how well it does.
struct Fit {
  std::string profile_path;
  std::uint64_t profile_bytes = 0, strata = 0;
  std::uint64_t seed = 0;  ///< of the generation that was compared
  Likeness likeness;
};

/// One name in `.figures[]`: JSON, CSV and schema are driven by it. The table reads rows by their kind instead.
struct FitColumn {
  std::string path;
  Unit unit;
  std::string meaning;
  std::function<Json(const LikenessFigure&)> get;
};
std::span<const FitColumn> fit_columns();

/// `document` is filled by the caller but for its schema.
Json make_fit_document(WorkloadDocument document, const Fit& fit);
/// Renders what make_fit_document made; ends with a newline.
std::string render_fit(const Json& document, Format format, const Style& style = {});
/// JSON Schema (draft 7).
Json fit_schema();

}  // namespace kv
