#include "common/usage.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"

namespace kvtool {
namespace {

/// The command that the user meant: the innermost that was recognised.
const CLI::App& innermost(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : innermost(*chosen.front());
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::vector<std::string> command_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(sub->get_name());
  }
  return names;
}

std::string path_of(const CLI::App& command) {
  return command.get_parent() == nullptr ? command.get_name()
                                         : path_of(*command.get_parent()) + " " + command.get_name();
}

kv::Error unexpected(const CLI::App& command, const std::string& word) {
  const bool option = !word.empty() && word.front() == '-';
  const std::string name = word.substr(0, std::min<std::size_t>(word.find('='), 60));
  const bool wants_command = !option && !command_names(command).empty();
  std::string hint = fmt::format("see: {} --help", path_of(command));
  if (const auto close = kv::nearest(name, option ? option_names(command) : command_names(command))) {
    hint = fmt::format("did you mean '{}'? {}", *close, hint);
  }
  const char* what = option ? "option" : wants_command ? "command" : "argument";
  return {kv::Code::bad_input, fmt::format("unknown {} '{}'", what, name), hint};
}

}  // namespace

kv::Error explain(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = innermost(app);
  // A word that nobody took is named first, also where CLI11 misses something else because of it.
  const auto code = static_cast<CLI::ExitCodes>(error.get_exit_code());
  if (code == CLI::ExitCodes::ExtrasError || code == CLI::ExitCodes::RequiredError) {
    for (const CLI::App* from = &command; from != nullptr; from = from->get_parent()) {
      const auto rest = from->remaining();
      if (!rest.empty()) return unexpected(command, rest.front());
    }
  }
  if (code == CLI::ExitCodes::FileError) {
    return {kv::Code::bad_input, fmt::format("--config: {}", error.what()), "name a readable TOML file"};
  }
  return {kv::Code::bad_input, error.what(), fmt::format("see: {} --help", path_of(command))};
}

}  // namespace kvtool
