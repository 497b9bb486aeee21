#pragma once

namespace CLI {
class App;
}

namespace kvbench {

/// Each adds a subcommand: its options, help with an example, and a callback that sets `exit_code`.
void add_run(CLI::App& app, int& exit_code);
void add_report(CLI::App& app, int& exit_code);
void add_list(CLI::App& app, int& exit_code);

}  // namespace kvbench
