#include "report/prefill_schema.hpp"

#include "prefill/profile.hpp"
#include "report/schema_parts.hpp"

namespace kv {
namespace {

struct Row {
  const char* path;
  Unit unit;
  const char* meaning;
};
constexpr Row kTop[] = {{"schema", Unit::text, "what this document is"},
                        {"model", Unit::text, "that was served; null: any, nothing is checked"},
                        {"engine", Unit::text, "where and with what it was measured"}};
constexpr Row kPoint[] = {{"prompt_tokens", Unit::count, "tokens of the prompt"},
                          {"cached_tokens", Unit::count, "of them in the engine's cache already; 0 if it is not there"},
                          {"ttft_ns", Unit::nanoseconds, "from the request to its first token"}};

}  // namespace

Json prefill_schema() {
  Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                 {"$id", "kvkit.prefill-1.schema.json"},
                 {"title", "Measurements of an engine's prefill, for --prefill profile:FILE"},
                 {"description", "Unknown figures are null. Names carry their unit. New names may be added."}};
  schema.update(empty_object());
  for (const Row& row : kTop) add_leaf(schema, row.path, described(row));
  schema["properties"]["schema"]["const"] = kPrefillSchema;
  Json point = empty_object();
  for (const Row& row : kPoint) add_leaf(point, row.path, described(row));
  point["required"] = {"prompt_tokens", "ttft_ns"};
  add_leaf(
      schema, "points",
      {{"type", "array"}, {"description", "one a measurement; repeats stand beside each other"}, {"items", point}});
  return schema;
}

}  // namespace kv
