#include <CLI/CLI.hpp>
#include <exception>
#include <new>
#include <sstream>

#include "backend/resp/endpoint.hpp"
#include "base/version.hpp"
#include "commands.hpp"
#include "common.hpp"
#include "usage.hpp"

namespace {

std::string version_text() {
  const kv::Version v = kv::version();
  return "kvbench " + v.version + " (" + v.revision + ", " + v.build_type + ")\n" + kv::resp::protocol_library() +
         ", " + kv::net::tls_library();
}

/// CLI11's own words, in our form: what is wrong, what to do next. Help and version are errors to it, too.
int usage_error(const CLI::App& app, const CLI::ParseError& e) {
  if (e.get_exit_code() != 0) return kvbench::fail(kvbench::explain(app, e));
  std::ostringstream text;
  app.exit(e, text, text);
  const auto written = kvbench::write_output(text.str(), "");
  return written ? 0 : kvbench::fail(written.error());
}

int run(int argc, char** argv) {
  CLI::App app("Measures what a KV cache outside the GPU would save, and what it costs, on your workload.", "kvbench");
  app.set_version_flag("--version", version_text());
  app.set_config("--config", "", "Read options from this TOML file: [run] backend=[...] ...");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer("Example: kvbench run workloads/small_gpu.jsonl --model qwen2.5-7b --gpu l4 --engine-cache 1GiB");
  int exit_code = 0;
  kvbench::add_run(app, std::vector<std::string>(argv, argv + argc), exit_code);
  kvbench::add_probe(app, std::vector<std::string>(argv, argv + argc), exit_code);
  kvbench::add_peer(app, exit_code);
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
  kvbench::open_standard_streams();
  try {
    return run(argc, argv);
  } catch (const std::bad_alloc&) {
    return kvbench::fail(
        {kv::Code::unavailable, "out of memory", "lower --mode closed:N, capacity= or --bytes-per-token"});
  } catch (const std::exception& e) {
    return kvbench::fail({kv::Code::io, e.what(), ""});
  }
}
