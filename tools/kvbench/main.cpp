#include "common/main.hpp"

#include "backend/resp/endpoint.hpp"
#include "commands.hpp"
#include "torch/loader.hpp"

int main(int argc, char** argv) {
  kv::let_torch_threads_sleep();
  const kvtool::Tool kvbench{
      .name = "kvbench",
      .summary = "Measures what a KV cache outside the GPU would save, and what it costs, on your workload.",
      .example = "kvbench run workloads/small_gpu.jsonl --model qwen2.5-7b --gpu l4 --engine-cache 1GiB",
      .config_example = "[run] backend=[...] ...",
      .libraries = kv::resp::protocol_library() + ", " + kv::net::tls_library(),
      .memory_hint = "lower --mode closed:N, capacity= or --bytes-per-token",
      .add_commands =
          [](CLI::App& app, const std::vector<std::string>& command_line, int& exit_code) {
            kvtool::add_run(app, command_line, exit_code);
            kvtool::add_probe(app, command_line, exit_code);
            kvtool::add_peer(app, exit_code);
            kvtool::add_calibrate(app, exit_code);
            kvtool::add_accuracy(app, command_line, exit_code);
            kvtool::add_report(app, exit_code);
            kvtool::add_list(app, exit_code);
          },
  };
  return kvtool::run_tool(kvbench, argc, argv);
}
