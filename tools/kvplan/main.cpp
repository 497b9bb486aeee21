#include "common/main.hpp"

#include "commands.hpp"

int main(int argc, char** argv) {
  const kvtool::Tool kvplan{
      .name = "kvplan",
      .summary =
          "Turns a workload, a model and prices into the size of a KV cache, and says whether it is worth having.",
      .example = "kvplan estimate workloads/chat.jsonl --model llama-3.1-8b --gpus 8",
      .config_example = "[curve] policy=\"lru\" ...",
      .libraries = "",
      .memory_hint = "use --rate or --max-memory, which sample the trace",
      .add_commands =
          [](CLI::App& app, const std::vector<std::string>& command_line, int& exit_code) {
            kvtool::add_plans(app, command_line, exit_code);
            kvtool::add_prices(app, exit_code);
            kvtool::add_curve(app, command_line, exit_code);
            kvtool::add_breakeven(app, command_line, exit_code);
            kvtool::add_merge(app, exit_code);
          },
  };
  return kvtool::run_tool(kvplan, argc, argv);
}
