#pragma once
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace kvtool {

/// Each adds a subcommand: its options, help with an example, and a callback that sets `exit_code`. `command_line` is
/// what a document will quote.
void add_curve(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code);
void add_breakeven(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code);
/// estimate, size, roi, decide and scale.
void add_plans(CLI::App& app, const std::vector<std::string>& command_line, int& exit_code);
void add_prices(CLI::App& app, int& exit_code);
void add_merge(CLI::App& app, int& exit_code);

}  // namespace kvtool
