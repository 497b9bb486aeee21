#pragma once
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "report/report.hpp"
#include "workload/byte_sink.hpp"

namespace CLI {
class App;
}

namespace kvtool {

/// Where results go and in which format.
struct Output {
  std::string format = "table";
  std::string path;  ///< empty: stdout
};
/// Adds --format (help names `formats`) and -o/--output.
void add_output_options(CLI::App& app, Output& output, const std::string& formats = "table, json, csv, markdown");

/// Every option of the command with the value that was in effect, from the option table itself: a flag is true or
/// false, what can be repeated is a list. Options that an environment variable can give are secrets and left out.
kv::Json options_in_effect(const CLI::App& command);

/// Width of the terminal that stdout is, and whether it takes colour (not with NO_COLOR or TERM=dumb). Not a terminal:
/// 100 columns, none.
kv::Style terminal_style();

/// Where a result is written piece by piece: stdout (`path` empty, or another name of it) or a file. A regular file is
/// replaced whole by finish(), or not at all, where its directory allows.
class OutputFile final : public kv::ByteSink {
 public:
  /// Fails (io) with the reason, a full disk included; (bad_input) if the path is none that this user can write.
  static kv::Result<OutputFile> open(const std::string& path);
  OutputFile(OutputFile&&) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile() override;  ///< without finish(): what was written goes away again, where that can be

  kv::Result<void> write(std::string_view bytes) override;
  kv::Result<void> finish() override;

 private:
  OutputFile() = default;
  std::string path_, target_, temporary_;
  int fd_ = -1;
  std::uint64_t written_ = 0;
};

/// All of `text`, as OutputFile writes it.
kv::Result<void> write_output(const std::string& text, const std::string& path);
/// Whether write_output could begin: fails as it would, and leaves nothing behind. For what must not be lost later.
kv::Result<void> check_output(const std::string& path);

/// Gives closed standard streams to /dev/null, lest a socket become stderr and be sent diagnostics.
void open_standard_streams();
/// Writes diagnostics or progress to stderr. A stderr that takes nothing costs no result: it is ignored.
void say(std::string_view text);
/// Says "TOOL: message" and "  hint: ..." and returns the exit code: 2 the user's to change, 1 failed,
/// 130 interrupted.
int fail(const kv::Error& error);

}  // namespace kvtool
