#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>
#include <new>

#include "base/version.hpp"
#include "commands.hpp"
#include "common.hpp"
#include "usage.hpp"

namespace {

std::string version_text() {
  const kv::Version v = kv::version();
  return "kvbench " + v.version + " (" + v.revision + ", " + v.build_type + ")";
}

/// CLI11's own words, in our form: what is wrong, what to do next.
int usage_error(const CLI::App& app, const CLI::ParseError& e) {
  if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
  return kvbench::fail(kvbench::explain(app, e));
}

int run(int argc, char** argv) {
  CLI::App app("Measures what a KV cache outside the GPU would save, and what it costs, on your workload.", "kvbench");
  app.set_version_flag("--version", version_text());
  app.set_config("--config", "", "Read options from this TOML file: [run] backend=[...] ...");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer("Example: kvbench run workloads/chat.jsonl");
  int exit_code = 0;
  kvbench::add_run(app, exit_code);
  kvbench::add_report(app, exit_code);
  kvbench::add_list(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return usage_error(app, e);
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::bad_alloc&) {
    return kvbench::fail(
        {kv::Code::unavailable, "out of memory", "lower --mode closed:N, capacity= or --bytes-per-token"});
  } catch (const std::exception& e) {
    return kvbench::fail({kv::Code::io, e.what(), ""});
  }
}
