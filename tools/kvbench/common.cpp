#include "common.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace kvbench {
namespace {

using kv::Code;
using kv::error;
using kv::Result;

Result<void> io_error(const std::string& what, int reason) {
  const char* hint = reason == ENOSPC ? "free some space, or write elsewhere with -o" : "";
  return error(Code::io, fmt::format("{}: {}", what, std::strerror(reason)), hint);
}

Result<void> write_all(int fd, std::string_view text, const std::string& name) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error(name + " cannot be written", errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

/// Closing reports what a file system noticed late (quota, NFS).
Result<void> write_and_close(int fd, std::string_view text, const std::string& name) {
  auto written = write_all(fd, text, name);
  const int closed = close(fd) == 0 ? 0 : errno;
  if (!written) return written;
  return closed == 0 ? Result<void>() : io_error(name + " cannot be written", closed);
}

Result<void> cannot_make(const std::string& path, int reason) {
  return error(Code::bad_input, fmt::format("{} cannot be made: {}", path, std::strerror(reason)),
               "check that the directory exists and is yours to write");
}

/// Beside the target, so that the rename stays within its file system; a link is followed, not replaced.
Result<void> replace_file(const std::string& path, std::string_view text) {
  char resolved[PATH_MAX];
  const std::string target = realpath(path.c_str(), resolved) != nullptr ? resolved : path;
  const std::string temporary = fmt::format("{}.kvbench-{}", target, getpid());
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return cannot_make(path, errno);
  struct stat old {};
  if (stat(target.c_str(), &old) == 0) fchmod(fd, old.st_mode & 07777);
  auto written = write_and_close(fd, text, path);
  if (written && rename(temporary.c_str(), target.c_str()) != 0)
    written = io_error(path + " cannot be replaced", errno);
  if (!written) unlink(temporary.c_str());
  return written;
}

}  // namespace

void add_output_options(CLI::App& app, Output& output, const std::string& formats) {
  app.add_option("--format", output.format, "One of " + formats)->capture_default_str()->type_name("NAME");
  app.add_option("-o,--output", output.path, "Write to this file instead of stdout")->type_name("FILE");
}

kv::Style terminal_style() {
  kv::Style style;
  if (isatty(STDOUT_FILENO) == 0) return style;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) style.width = size.ws_col;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool plain = (no_color != nullptr && *no_color != '\0') || term == nullptr || std::strcmp(term, "dumb") == 0;
  style.colour = !plain;
  return style;
}

Result<void> write_output(const std::string& text, const std::string& path) {
  if (path.empty()) return write_all(STDOUT_FILENO, text, "stdout");
  struct stat target {};
  const bool exists = stat(path.c_str(), &target) == 0;
  if (!exists || S_ISREG(target.st_mode)) return replace_file(path, text);
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);  // a device, a pipe
  if (fd < 0) return cannot_make(path, errno);
  return write_and_close(fd, text, path);
}

int fail(const kv::Error& error) {
  fmt::print(stderr, "kvbench: {}\n", error.message);
  if (!error.hint.empty()) fmt::print(stderr, "  hint: {}\n", error.hint);
  switch (error.code) {
    case Code::bad_input:
      return 2;
    case Code::interrupted:
      return 130;
    case Code::unavailable:
    case Code::io:
    case Code::corrupt:
      break;
  }
  return 1;
}

}  // namespace kvbench
