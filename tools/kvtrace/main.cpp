#include "common/main.hpp"

#include "commands.hpp"

int main(int argc, char** argv) {
  const kvtool::Tool kvtrace{
      .name = "kvtrace",
      .summary = "Imports, generates, fits, samples and describes prefix workloads.",
      .example = "kvtrace stats workloads/chat.jsonl",
      .config_example = "[stats] format=\"json\" ...",
      .libraries = "",
      .memory_hint = "use kvtrace sample first",
      .add_commands =
          [](CLI::App& app, const std::vector<std::string>& command_line, int& exit_code) {
            kvtool::add_import(app, command_line, exit_code);
            kvtool::add_gen(app, exit_code);
            kvtool::add_fit(app, command_line, exit_code);
            kvtool::add_stats(app, command_line, exit_code);
            kvtool::add_sample(app, exit_code);
            kvtool::add_merge(app, exit_code);
            kvtool::add_scale(app, exit_code);
          },
  };
  return kvtool::run_tool(kvtrace, argc, argv);
}
