#include "report/accuracy_document.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/field_rows.hpp"
#include "report/render_parts.hpp"
#include "report/schema_parts.hpp"

namespace kv {
namespace {

struct HeadField {
  std::string path;
  Unit unit;
  std::string meaning;
  std::function<Json(const AccuracyContext&)> get;
};

const std::vector<HeadField>& head_fields() {
  using C = AccuracyContext;
  static const std::vector<HeadField> kFields = {
      {"model", Unit::text, "whose KV it is", [](const C& c) { return Json(c.model); }},
      {"weights", Unit::text, "\"random, seed N\": says nothing about quality; or their directory",
       [](const C& c) { return Json(c.engine.weights); }},
      {"tokens", Unit::text, "\"random, seed N\", or the file that prompts were cut from",
       [](const C& c) { return Json(c.tokens); }},
      {"engine.device", Unit::text, "where it was computed", [](const C& c) { return Json(c.engine.device); }},
      {"engine.kernel", Unit::text, "what multiplied and attended", [](const C& c) { return Json(c.engine.kernel); }},
      {"engine.threads", Unit::count, "on a CPU; null: on a GPU",
       [](const C& c) { return c.engine.threads == 0 ? Json(nullptr) : Json(c.engine.threads); }},
      {"kv_dtype", Unit::text, "what KV is kept in",
       [](const C& c) { return Json(std::string(dtype_name(c.engine.kv))); }},
      {"prompts", Unit::count, "prompts compared", [](const C& c) { return Json(c.plan.prompts); }},
      {"prefix_tokens", Unit::count, "of each, whose KV goes through the codec",
       [](const C& c) { return Json(c.plan.prefix.count()); }},
      {"continued_tokens", Unit::count, "of each, computed behind it",
       [](const C& c) { return Json(c.plan.continued.count()); }},
      {"interrupted", Unit::flag, "stopped by the user: figures are of what was done until then",
       [](const C& c) { return Json(c.interrupted); }},
  };
  return kFields;
}

bool is_random(const Json& document) { return text_at(document, "weights").starts_with("random"); }

/// A distance as small as it may be: "0", "1.2e-07", "0.031".
std::string distance_text(const Json* value) {
  return value != nullptr && value->is_number() ? fmt::format("{:.3g}", value->get<double>()) : "-";
}

std::string cell(const Json& row, const AccuracyField& field) {
  const Json* value = find(row, field.path);
  if (field.unit == Unit::flag) return value != nullptr && value->is_boolean() && value->get<bool>() ? "yes" : "no";
  return field.unit == Unit::amount ? distance_text(value) : figure_text(value, field.unit);
}

Table table_of(const Json& document) {
  Table table;
  for (const AccuracyField& field : accuracy_fields()) {
    if (field.heading.empty()) continue;
    const bool text = field.unit == Unit::text;
    table.columns.push_back(
        {field.heading, text ? Align::left : Align::right, text ? std::size_t{12} : std::size_t{0}});
  }
  for (const Json& row : list_at(document, "codecs")) {
    std::vector<std::string> cells;
    for (const AccuracyField& field : accuracy_fields()) {
      if (!field.heading.empty()) cells.push_back(cell(row, field));
    }
    table.rows.push_back(std::move(cells));
  }
  return table;
}

bool broken(const Json& row) { return flag_at(row, "lossless") && !flag_at(row, "identical"); }

std::string verdict_of(const Json& document) {
  const Json& rows = list_at(document, "codecs");
  const auto wrong = std::count_if(rows.begin(), rows.end(), broken);
  if (wrong != 0) return fmt::format("{} codecs that claim to lose nothing change logits: WRONG", wrong);
  std::string out = flag_at(document, "interrupted") ? "interrupted: of what was compared until then, " : "";
  if (std::any_of(rows.begin(), rows.end(), [](const Json& row) { return flag_at(row, "lossless"); })) {
    out += "codecs that lose nothing give bit-identical logits; ";
  }
  return out +
         (is_random(document)
              ? "weights: random, so distances say how far codecs move these logits, and nothing about the quality "
                "of a trained model, whose KV has outliers in K"
              : "distances are of these weights and these tokens");
}

std::string table_text(const Json& document, const Style& style) {
  const Paint paint(style.colour);
  const TableLines lines = lay_out(table_of(document), style.width);
  std::string out;
  for (const std::string& heading : lines.headings) out += paint.bold(heading) + "\n";
  const Json& rows = list_at(document, "codecs");
  for (std::size_t i = 0; i < lines.rows.size(); ++i) {
    out += (broken(rows[i]) ? paint.red(lines.rows[i]) : lines.rows[i]) + "\n";
  }
  out += left_out_text(lines, paint, style.width) + "\n";
  const auto figure = [&document](const char* path) { return figure_text(find(document, path), Unit::count); };
  out += titled(paint, "model",
                fmt::format("{}, weights: {}, KV {}, computed on {} ({})", text_at(document, "model"),
                            text_at(document, "weights"), text_at(document, "kv_dtype"),
                            text_at(document, "engine.device"), text_at(document, "engine.kernel")),
                style.width);
  out += titled(
      paint, "compared",
      fmt::format("{} tokens behind each of {} prefixes of {} (tokens: {}), beside KV that no codec saw",
                  figure("continued_tokens"), figure("prompts"), figure("prefix_tokens"), text_at(document, "tokens")),
      style.width);
  return out + titled(paint, "verdict", verdict_of(document), style.width);
}

std::string csv_of(const Json& document) {
  std::string out;
  for (const AccuracyField& field : accuracy_fields()) out += field.path + ",";
  out += "model,weights\n";
  for (const Json& row : list_at(document, "codecs")) {
    for (const AccuracyField& field : accuracy_fields()) out += csv_value(find(row, field.path)) + ",";
    out += csv_value(find(document, "model")) + "," + csv_value(find(document, "weights")) + "\n";
  }
  return out;
}

}  // namespace

std::span<const AccuracyField> accuracy_fields() {
  using A = CodecAccuracy;
  static const std::vector<AccuracyField> kFields = {
      {"codec", Unit::text, "codec", "SPEC of the codec", [](const A& a) { return Json(a.codec); }},
      {"lossless", Unit::flag, "lossless", "claims to lose nothing of this dtype",
       [](const A& a) { return Json(a.lossless); }},
      {"identical", Unit::flag, "bit-\nidentical", "every logit is that behind KV that no codec saw, bit by bit",
       [](const A& a) { return Json(a.identical); }},
      {"max_abs", Unit::amount, "max\n|dlogit|", "largest distance of any logit",
       [](const A& a) { return finite(a.max_abs); }},
      {"mean_abs", Unit::amount, "mean\n|dlogit|", "mean distance over all logits",
       [](const A& a) { return finite(a.mean_abs); }},
      {"kl_divergence", Unit::amount, "KL\nnats", "Kullback-Leibler divergence from the reference, mean over positions",
       [](const A& a) { return finite(a.kl_divergence); }},
      {"top1_agreement", Unit::ratio, "top-1\nsame", "positions at which the same token wins",
       [](const A& a) { return finite(a.top1_agreement); }},
      {"perplexity_ratio", Unit::amount, "perplexity\nratio",
       "perplexity of the prompts' own next tokens / the same behind KV that no codec saw",
       [](const A& a) { return quotient(a.perplexity, a.reference_perplexity); }},
      {"perplexity", Unit::amount, "", "of the prompts' own next tokens",
       [](const A& a) { return finite(a.perplexity); }},
      {"ratio", Unit::factor, "smaller\nby", "payload bytes / stored bytes, headers left out",
       [](const A& a) { return finite(a.ratio); }},
      {"positions", Unit::count, "", "compared", [](const A& a) { return Json(a.positions); }},
  };
  return kFields;
}

Json make_accuracy_document(const AccuracyContext& c) {
  ReportContext head;
  head.command_line = c.command_line;
  head.machine = describe_machine();
  Json out = {{"schema", kAccuracySchema}};
  for (const ContextField& field : context_fields()) {
    if (field.path.starts_with("tool.") || field.path == "command_line") put(out, field.path, field.get(head));
  }
  out["config"] = c.config.is_object() ? c.config : Json::object();
  for (const HeadField& field : head_fields()) put(out, field.path, field.get(c));
  out["codecs"] = Json::array();
  for (const CodecAccuracy& codec : c.codecs) {
    Json& row = out["codecs"].emplace_back(Json::object());
    for (const AccuracyField& field : accuracy_fields()) row[field.path] = field.get(codec);
  }
  return out;
}

std::string render_accuracy(const Json& document, Format format, const Style& style) {
  return render_as(
      document, format, [&style](const Json& whole) { return table_text(whole, style); }, csv_of,
      [](const Json& whole) {
        return markdown_table(table_of(whole)) + "\n" +
               markdown_text(fmt::format("{}, weights: {}; {}", text_at(whole, "model"), text_at(whole, "weights"),
                                         verdict_of(whole))) +
               "\n";
      });
}

Json accuracy_schema() {
  Json out = {{"$schema", "http://json-schema.org/draft-07/schema#"},
              {"title", "What codecs do to a model's logits"},
              {"description", "Unknown figures are null. Names carry their unit. New names may be added."}};
  out.update(empty_object());
  out["$id"] = "kvkit.accuracy-1.schema.json";
  add_leaf(out, "schema", {{"const", kAccuracySchema}});
  for (const ContextField& field : context_fields()) {
    if (field.path.starts_with("tool.") || field.path == "command_line") add_leaf(out, field.path, described(field));
  }
  add_leaf(out, "config", {{"type", "object"}, {"description", "every option with its effective value"}});
  for (const HeadField& field : head_fields()) add_leaf(out, field.path, described(field));
  Json row = empty_object();
  for (const AccuracyField& field : accuracy_fields()) add_leaf(row, field.path, described(field));
  add_leaf(out, "codecs", {{"type", "array"}, {"description", "one a codec"}, {"items", std::move(row)}});
  return out;
}

std::string accuracy_fields_markdown() {
  std::string out = "| name | unit | meaning |\n| --- | --- | --- |\n";
  for (const AccuracyField& field : accuracy_fields()) {
    out += fmt::format("| `{}` | {} | {} |\n", field.path, unit_name(field.unit), field.meaning);
  }
  return out;
}

}  // namespace kv
