#include "report/fit_document.hpp"

#include <fmt/format.h>

#include <array>

#include "base/parse.hpp"
#include "report/document.hpp"
#include "report/render_parts.hpp"
#include "report/schema_parts.hpp"

namespace kv {
namespace {

struct FitField {
  std::string path;
  Unit unit;
  std::string meaning;
  std::function<Json(const Fit&)> get;
};

const std::vector<FitField>& fit_fields() {
  static const std::vector<FitField> kFields = {
      {"profile.path", Unit::text, "where the profile was written", [](const Fit& f) { return Json(f.profile_path); }},
      {"profile.bytes", Unit::bytes, "size of the profile", [](const Fit& f) { return Json(f.profile_bytes); }},
      {"profile.strata", Unit::count, "groups of alike requests in it", [](const Fit& f) { return Json(f.strata); }},
      {"comparison.seed", Unit::count, "seed of the workload that is compared",
       [](const Fit& f) { return Json(f.seed); }},
      {"comparison.holds", Unit::flag, "every figure is within its tolerance",
       [](const Fit& f) { return Json(f.likeness.holds()); }},
      {"comparison.failures", Unit::count, "figures that are not",
       [](const Fit& f) { return Json(f.likeness.failures()); }},
  };
  return kFields;
}

/// A target, a figure or a tolerance, as its row's kind is read.
std::string figure_of(const Json& row, const char* key) {
  const auto value = number_at(row, key);
  return figure_text(value, text_at(row, "kind") == "rate" ? Unit::ratio : Unit::count);
}

std::string signed_percent(const std::optional<double>& value, bool points) {
  return value ? fmt::format("{:+.2f} {}", 100 * *value, points ? "points" : "%") : "-";
}

std::vector<std::string> cells_of(const Json& row) {
  const bool points = text_at(row, "kind") == "rate";
  const Json* capacity = find(row, "capacity_blocks");
  const auto tolerance = number_at(row, "tolerance");
  return {text_at(row, "name"),
          capacity != nullptr && capacity->is_null() ? "" : figure_text(capacity, Unit::count),
          figure_of(row, "target"),
          figure_of(row, "got"),
          signed_percent(number_at(row, "error"), points),
          tolerance ? fmt::format("{:.0f} {}", 100 * *tolerance, points ? "points" : "%") : "-",
          flag_at(row, "holds") ? "ok" : "FAILS"};
}

Table table_of(const Json& document) {
  Table table{
      {{"figure", Align::left, 12}, {"cache\nblocks"}, {"trace"}, {"generated"}, {"error"}, {"tolerance"}, {""}}, {}};
  for (const Json& row : list_at(document, "figures")) table.rows.push_back(cells_of(row));
  return table;
}

std::string csv_of(const Json& document) {
  return csv_heading(fit_columns()) + csv_lines(fit_columns(), list_at(document, "figures"));
}

std::string table_text(const Json& document, const Style& style) {
  const Paint paint(style.colour);
  const TableLines lines = lay_out(table_of(document), style.width);
  std::string out;
  for (const std::string& heading : lines.headings) out += paint.bold(heading) + "\n";
  const Json& rows = list_at(document, "figures");
  for (std::size_t i = 0; i < lines.rows.size(); ++i) {
    out += (flag_at(rows[i], "holds") ? lines.rows[i] : paint.red(lines.rows[i])) + "\n";
  }
  out += left_out_text(lines, paint, style.width) + "\n";
  out += titled(paint, "profile",
                fmt::format("{}, {} in {} strata", text_at(document, "profile.path"),
                            figure_text(find(document, "profile.bytes"), Unit::bytes),
                            figure_text(find(document, "profile.strata"), Unit::count)),
                style.width);
  const auto failures = number_at(document, "comparison.failures").value_or(0);
  out += titled(paint, "verdict",
                failures == 0 ? fmt::format("every figure holds, with seed {}",
                                            figure_text(find(document, "comparison.seed"), Unit::count))
                              : fmt::format("{:.0f} of {} figures FAIL: the profile does not describe this trace there",
                                            failures, rows.size()),
                style.width);
  for (const Json& warning : list_at(document, "warnings")) {
    if (warning.is_string()) {
      out += titled(paint, "warning", printable(warning.get_ref<const std::string&>()), style.width);
    }
  }
  return out;
}

}  // namespace

std::span<const FitColumn> fit_columns() {
  static constexpr std::array kKinds{"tokens", "requests", "rate"};
  static const std::vector<FitColumn> kColumns = {
      {"name", Unit::text, "what is compared", [](const LikenessFigure& f) { return Json(f.name); }},
      {"kind", Unit::text, "tokens, requests, or a hit rate",
       [](const LikenessFigure& f) { return Json(kKinds[static_cast<std::size_t>(f.kind)]); }},
      {"capacity_blocks", Unit::count, "size of the LRU cache",
       [](const LikenessFigure& f) { return f.capacity_blocks ? Json(*f.capacity_blocks) : Json(nullptr); }},
      {"target", Unit::ratio, "of the trace", [](const LikenessFigure& f) { return finite(f.target); }},
      {"got", Unit::ratio, "of the generated workload", [](const LikenessFigure& f) { return finite(f.got); }},
      {"error", Unit::factor, "relative for tokens and requests; the difference for rates; null: of nothing",
       [](const LikenessFigure& f) { return f.error ? finite(*f.error) : Json(nullptr); }},
      {"tolerance", Unit::ratio, "largest error that holds",
       [](const LikenessFigure& f) { return finite(f.tolerance); }},
      {"holds", Unit::flag, "the error is within the tolerance", [](const LikenessFigure& f) { return Json(f.holds); }},
  };
  return kColumns;
}

Json make_fit_document(WorkloadDocument document, const Fit& fit) {
  document.schema = kFitSchema;
  for (const LikenessFigure& f : fit.likeness.figures) {
    if (f.holds) continue;
    std::string what = f.name;
    if (f.capacity_blocks) what += fmt::format(" at {} blocks", *f.capacity_blocks);
    document.warnings.push_back(
        fmt::format("{}: {} instead of {} with seed {}", what,
                    figure_text(f.got, f.kind == LikenessFigure::Kind::rate ? Unit::ratio : Unit::count),
                    figure_text(f.target, f.kind == LikenessFigure::Kind::rate ? Unit::ratio : Unit::count), fit.seed));
  }
  Json out = make_workload_document(document);
  for (const FitField& field : fit_fields()) put(out, field.path, field.get(fit));
  out["figures"] = Json::array();
  for (const LikenessFigure& figure : fit.likeness.figures) {
    Json row = Json::object();
    for (const FitColumn& column : fit_columns()) row[column.path] = column.get(figure);
    out["figures"].push_back(std::move(row));
  }
  return out;
}

std::string render_fit(const Json& document, Format format, const Style& style) {
  return render_as(
      document, format, [&style](const Json& whole) { return table_text(whole, style); }, csv_of,
      [](const Json& whole) { return markdown_table(table_of(whole)); });
}

Json fit_schema() {
  Json out = workload_document_schema(kFitSchema, "What kvtrace fit made, beside the trace");
  out["$id"] = "kvkit.fit-1.schema.json";
  for (const FitField& field : fit_fields()) add_leaf(out, field.path, described(field));
  Json row = empty_object();
  for (const FitColumn& column : fit_columns()) add_leaf(row, column.path, described(column));
  row["properties"]["error"].erase("minimum");
  add_leaf(out, "figures",
           {{"type", "array"}, {"items", std::move(row)}, {"description", "trace and generated workload"}});
  return out;
}

}  // namespace kv
