#pragma once
#include <string>
#include <vector>

#include "import/import.hpp"
#include "report/fields.hpp"

namespace kv {

inline constexpr const char* kImportSchema = "kvkit.import/1";

/// What `kvtrace import --report` is made of.
struct ImportContext {
  std::vector<std::string> command_line;
  Json config;         ///< an object: every option with its effective value
  std::string output;  ///< where the trace was written
  Imported imported;
};

/// Names neither machine nor time: equal inputs give equal documents.
Json make_import_document(const ImportContext& context);
/// JSON Schema (draft 7) of it; a test keeps the file in reports/ equal.
Json import_schema();

}  // namespace kv
