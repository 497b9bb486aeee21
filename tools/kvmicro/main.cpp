#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <cstdio>
#include <exception>
#include <string_view>

#include "base/version.hpp"
#include "metrics/machine.hpp"
#include "support.hpp"
#include "torch/loader.hpp"

namespace {

void print_help() {
  std::puts("Micro-benchmarks of kvkit's hot paths. `efficiency` is the share of this process's memory copy limit.\n");
  benchmark::PrintDefaultHelp();
  std::puts("\nExample: kvmicro --benchmark_filter=workload --benchmark_repetitions=5");
}

int run(int argc, char** argv) {
  const kv::Version version = kv::version();
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::printf("kvmicro %s (%s, %s)\n", version.version.c_str(), version.revision.c_str(), version.build_type.c_str());
    return 0;
  }
  kvmicro::add_codecs();
  kvmicro::add_policies();
  benchmark::Initialize(&argc, argv, print_help);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("kvkit", version.version + " " + version.revision + " " + version.build_type);
  const kv::Machine machine = kv::describe_machine();
  benchmark::AddCustomContext("cpu", machine.cpu);
  benchmark::AddCustomContext("kernel", machine.kernel);
  benchmark::AddCustomContext("hiredis", fmt::format("{}.{}.{}", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH));
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  kv::let_torch_threads_sleep();
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "kvmicro: %s\n", e.what());
    return 1;
  }
}
