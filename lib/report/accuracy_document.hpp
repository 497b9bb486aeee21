#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/accuracy.hpp"
#include "report/fields.hpp"

namespace kv {

inline constexpr const char* kAccuracySchema = "kvkit.accuracy/1";

/// What the document is made of.
struct AccuracyContext {
  std::vector<std::string> command_line;
  Json config;                ///< an object: every option with its effective value
  std::string model, tokens;  ///< tokens: "random, seed 1", or their file
  EngineInfo engine;
  AccuracyPlan plan;
  bool interrupted = false;
  std::vector<CodecAccuracy> codecs;
};

/// One figure of a codec: JSON, table, CSV, Markdown, schema and docs/measured.md are driven by it.
struct AccuracyField {
  std::string path;
  Unit unit;
  std::string heading;  ///< empty: not shown in the table
  std::string meaning;
  std::function<Json(const CodecAccuracy&)> get;
};
std::span<const AccuracyField> accuracy_fields();

Json make_accuracy_document(const AccuracyContext& context);
/// Renders what make_accuracy_document made; ends with a newline.
std::string render_accuracy(const Json& document, Format format, const Style& style = {});

/// JSON Schema (draft 7) and the table of docs/measured.md; a test keeps both equal to the files.
Json accuracy_schema();
std::string accuracy_fields_markdown();

}  // namespace kv
