#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "import/collector.hpp"
#include "workload/byte_sink.hpp"

namespace kv {

struct ImportOptions {
  std::string from = "auto";
  std::optional<Tokens> object_tokens;
  std::vector<std::pair<std::string, std::string>> values;  ///< of the format's own options, as typed
};

struct Imported {
  std::string source, format;
  bool detected = false;  ///< the format was told by content
  ImportSummary sum;
  std::vector<std::string> warnings;
  std::vector<std::pair<std::string, std::string>> assumptions;
};

/// Reads `path` (plain, gzip, zstd; "-": stdin) as the format of `options` and writes it to `out` as a trace that
/// read_workload accepts. Errors (bad_input) name file:line. Memory is bounded but for what docs/importing.md says of
/// single formats; what must be sorted may need as much disk as the trace. Nothing is written before all is read.
Result<Imported> import_trace(const std::string& path, const ImportOptions& options, ByteSink& out);
/// The same for bytes in memory; `name` stands for the path in messages.
Result<Imported> import_text(std::string_view bytes, const std::string& name, const ImportOptions& options,
                             ByteSink& out);

}  // namespace kv
