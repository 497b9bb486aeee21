#include "common/main.hpp"

#include <exception>
#include <new>
#include <sstream>

#include "base/version.hpp"
#include "common/output.hpp"
#include "common/usage.hpp"

namespace kvtool {
namespace {

std::string version_text(const Tool& tool) {
  const kv::Version v = kv::version();
  const std::string text = tool.name + " " + v.version + " (" + v.revision + ", " + v.build_type + ")";
  return tool.libraries.empty() ? text : text + "\n" + tool.libraries;
}

/// CLI11's own words, in our form: what is wrong, what to do next. Help and version are errors to it, too.
int usage_error(const CLI::App& app, const CLI::ParseError& e) {
  if (e.get_exit_code() != 0) return fail(explain(app, e));
  std::ostringstream text;
  app.exit(e, text, text);
  const auto written = write_output(text.str(), "");
  return written ? 0 : fail(written.error());
}

int run(const Tool& tool, int argc, char** argv) {
  CLI::App app(tool.summary, tool.name);
  app.set_version_flag("--version", version_text(tool));
  app.set_config("--config", "", "Read options from this TOML file: " + tool.config_example);
  app.require_subcommand(1);
  app.fallthrough();
  app.footer("Example: " + tool.example);
  int exit_code = 0;
  tool.add_commands(app, std::vector<std::string>(argv, argv + argc), exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return usage_error(app, e);
  }
  return exit_code;
}

}  // namespace

int run_tool(const Tool& tool, int argc, char** argv) {
  open_standard_streams();
  try {
    return run(tool, argc, argv);
  } catch (const std::bad_alloc&) {
    return fail({kv::Code::unavailable, "out of memory", tool.memory_hint});
  } catch (const std::exception& e) {
    return fail({kv::Code::io, e.what(), ""});
  }
}

}  // namespace kvtool
