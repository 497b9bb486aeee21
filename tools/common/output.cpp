#include "common/output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace kvtool {
namespace {

using kv::Code;
using kv::error;
using kv::Result;

const char* hint_for(int reason) {
  switch (reason) {
    case ENOSPC:
    case EDQUOT:
      return "free some space, or write elsewhere with -o";
    case EPIPE:
      return "whoever read it is gone: write to a file with -o";
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case EISDIR:
      return "check that the directory exists and is yours to write";
    default:
      return "write elsewhere with -o";
  }
}

Result<void> io_error(const std::string& what, int reason) {
  return error(Code::io, fmt::format("{}: {}", what, std::strerror(reason)), hint_for(reason));
}

Result<void> cannot_write(const std::string& path, int reason) { return io_error(path + " cannot be written", reason); }

/// A path that is wrong is the user's to change; a disk that is full is not.
Result<void> cannot_make(const std::string& path, int reason) {
  const bool wrong_path = reason == ENOENT || reason == ENOTDIR || reason == EACCES || reason == EPERM ||
                          reason == EISDIR || reason == ENAMETOOLONG || reason == ELOOP;
  return error(wrong_path ? Code::bad_input : Code::io,
               fmt::format("{} cannot be made: {}", path, std::strerror(reason)), hint_for(reason));
}

Result<void> write_all(int fd, std::string_view text, const std::string& name) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return cannot_write(name, errno);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

bool same_file(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

/// "[lru,fifo]", as CLI11 writes the default of an option that takes several.
kv::Json listed(std::string_view preset) {
  kv::Json out = kv::Json::array();
  if (!preset.starts_with('[') || !preset.ends_with(']')) return out;
  preset = preset.substr(1, preset.size() - 2);
  while (!preset.empty()) {
    const std::size_t comma = std::min(preset.find(','), preset.size());
    out.push_back(preset.substr(0, comma));
    preset.remove_prefix(std::min(comma + 1, preset.size()));
  }
  return out;
}

kv::Json value_of(const CLI::Option& option) {
  const auto& given = option.results();
  if (option.get_expected_max() == 0) return !given.empty();
  const std::string preset = option.get_default_str();
  if (option.get_items_expected_max() > 1) return given.empty() ? listed(preset) : kv::Json(given);
  if (!given.empty()) return given.front();
  return preset.empty() ? kv::Json(nullptr) : kv::Json(preset);
}

}  // namespace

kv::Json options_in_effect(const CLI::App& command) {
  kv::Json out = kv::Json::object();
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_name(false, false) == "--help" || !option->get_envname().empty()) continue;
    out[option->get_single_name()] = value_of(*option);
  }
  return out;
}

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

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)),
      written_(other.written_) {}

OutputFile::~OutputFile() {
  if (fd_ < 0 || fd_ == STDOUT_FILENO) return;
  close(fd_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

// target_: of the rename; links are followed, not replaced. temporary_: beside it, within its file system; empty: the
// destination itself is open.
Result<OutputFile> OutputFile::open(const std::string& path) {
  OutputFile to;
  const bool standard_output = path.empty() || path == "-";
  to.path_ = standard_output ? "stdout" : path;
  struct stat old {
  }, standard{};
  const bool exists = stat(path.c_str(), &old) == 0;
  if (standard_output || (exists && fstat(STDOUT_FILENO, &standard) == 0 && same_file(old, standard))) {
    to.fd_ = STDOUT_FILENO;
    return to;
  }
  if (!exists || S_ISREG(old.st_mode)) {
    char resolved[PATH_MAX];
    to.target_ = realpath(path.c_str(), resolved) != nullptr ? resolved : path;
    to.temporary_ = fmt::format("{}.{}-{}", to.target_, program_invocation_short_name, getpid());
    to.fd_ = ::open(to.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (to.fd_ >= 0 && exists) fchmod(to.fd_, old.st_mode & 07777);
    if (to.fd_ >= 0) return to;
    if (!exists || errno == ENOSPC) return error(cannot_make(path, errno));
    to.temporary_.clear();  // the directory takes no new file, but this one can perhaps be written in place
  }
  to.fd_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (to.fd_ < 0) return error(cannot_make(path, errno));
  return to;
}

Result<void> OutputFile::write(std::string_view bytes) {
  written_ += bytes.size();
  return write_all(fd_, bytes, path_);
}

// Closing reports what a file system noticed late (quota, NFS).
Result<void> OutputFile::finish() {
  if (fd_ == STDOUT_FILENO) return {};
  struct stat file {};
  const bool in_place = temporary_.empty() && fstat(fd_, &file) == 0 && S_ISREG(file.st_mode);
  if (in_place && ftruncate(fd_, static_cast<off_t>(written_)) != 0) return cannot_write(path_, errno);
  if (close(std::exchange(fd_, -1)) != 0) {
    const int reason = errno;
    if (!temporary_.empty()) unlink(temporary_.c_str());
    return cannot_write(path_, reason);
  }
  if (temporary_.empty() || rename(temporary_.c_str(), target_.c_str()) == 0) return {};
  const int reason = errno;
  unlink(temporary_.c_str());
  return cannot_write(path_, reason);
}

Result<void> write_output(const std::string& text, const std::string& path) {
  auto to = OutputFile::open(path);
  if (!to) return error(to);
  if (auto written = to->write(text); !written) return written;
  return to->finish();
}

Result<void> check_output(const std::string& path) {
  const auto to = OutputFile::open(path);
  return to ? Result<void>() : error(to);
}

void open_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    // The lowest free descriptor is the one that is missing.
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY);
  }
}

void say(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

int fail(const kv::Error& error) {
  say(fmt::format("{}: {}\n", program_invocation_short_name, error.message));
  if (!error.hint.empty()) say(fmt::format("  hint: {}\n", error.hint));
  switch (error.code) {
    case Code::bad_input:
      return 2;
    case Code::interrupted:
      return 130;
    case Code::unavailable:
    case Code::not_installed:
    case Code::io:
    case Code::corrupt:
      break;
  }
  return 1;
}

}  // namespace kvtool
