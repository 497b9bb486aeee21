#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/options.hpp"
#include "import/collector.hpp"
#include "import/notes.hpp"
#include "import/sample.hpp"

namespace kv {

/// What an importer works on.
struct ImportJob {
  std::unique_ptr<ByteSource> source;  ///< unpacked; the importer takes it
  std::string name;                    ///< of the source, in messages
  const OptionValues& options;         ///< of its row
  ImportNotes& notes;
  Collector& requests;
};

/// One format. Parsing, help, `kvbench list formats`, docs and tests read the rows.
struct ImportFormat {
  std::string name, summary;
  std::string keeps;  ///< what of a request the format tells, beside arrival, lengths and blocks
  std::vector<OptionRow> options;
  /// Whether an input that begins so is of this format, and of no other.
  bool (*detect)(const Sample& sample);
  /// Adds all requests. Errors (bad_input) name file:line.
  Result<void> (*run)(ImportJob& job);
};
std::span<const ImportFormat> import_formats();

/// The row of that name; for "auto" the one whose `detect` says so. Fails (bad_input) and lists the formats if there is
/// none, or more than one.
Result<const ImportFormat*> find_format(const std::string& name, const Sample& sample, const std::string& source);

/// Every option of any format, once, with the names of its formats.
struct ImportOption {
  OptionRow row;  ///< no preset where formats differ in it
  std::vector<std::string> formats;
};
std::vector<ImportOption> import_options();

}  // namespace kv
