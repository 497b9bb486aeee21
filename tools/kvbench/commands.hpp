#pragma once
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace kvtool {

/// Each adds a subcommand: its options, help with an example, and a callback that sets `exit_code`. `command_line` is
/// what the report will quote.
void add_run(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code);
void add_report(CLI::App& app, int& exit_code);
void add_list(CLI::App& app, int& exit_code);
void add_probe(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code);
void add_calibrate(CLI::App& app, int& exit_code);
void add_accuracy(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code);
void add_peer(CLI::App& app, int& exit_code);

}  // namespace kvtool
