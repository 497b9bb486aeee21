#pragma once
#include <string>

#include "base/result.hpp"
#include "report/report.hpp"

namespace CLI {
class App;
}

namespace kvbench {

/// Where results go and in which format.
struct Output {
  std::string format = "table";
  std::string path;  ///< empty: stdout
};
/// Adds --format (help names `formats`) and -o/--output.
void add_output_options(CLI::App& app, Output& output, const std::string& formats = "table, json, csv, markdown");

/// Width of the terminal that stdout is, and whether it takes colour (not with NO_COLOR or TERM=dumb). Not a terminal:
/// 100 columns, none.
kv::Style terminal_style();

/// Writes all of `text` to stdout (`path` empty) or to a file: a regular file is replaced whole or not at all. Fails
/// (io) with the reason, a full disk included; (bad_input) if the file cannot be made.
kv::Result<void> write_output(const std::string& text, const std::string& path);

/// Prints "kvbench: message" and "  hint: ..." to stderr and returns the exit code: 2 the user's to change, 1 failed,
/// 130 interrupted.
int fail(const kv::Error& error);

}  // namespace kvbench
