#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace kvtool {

/// What a tool is, to its main().
struct Tool {
  std::string name, summary, example;
  std::string config_example;  ///< of a TOML file for --config: "[run] backend=[...] ..."
  std::string libraries;       ///< below the version, where they matter
  std::string memory_hint;     ///< what to do when memory runs out
  /// Adds the subcommands; their callbacks set `exit_code`. `command_line` is what a report quotes.
  std::function<void(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code)> add_commands;
};

/// Parses the command line, runs the command that it names, and gives the exit code; whatever goes wrong is said in the
/// form of every tool. The whole of a tool's main().
int run_tool(const Tool& tool, int argc, char** argv);

}  // namespace kvtool
