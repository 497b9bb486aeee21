#include "common/watch.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>

#include "common/output.hpp"

namespace kvtool {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

constexpr const char* kClearLine = "\r\x1b[K";

}  // namespace

std::string Counted::text(const char* things, const char* before) const {
  return all == 0 ? std::string(before) : fmt::format("{} of {} {}", done.load(), all.load(), things);
}

Watch::Watch(std::atomic<bool>& stop, Progress progress)
    : stop_(stop), progress_(std::move(progress)), terminal_(isatty(STDERR_FILENO) != 0) {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this] { loop(); });
}

Watch::~Watch() {
  over_ = true;
  thread_.join();
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  if (terminal_) say(kClearLine);
}

void Watch::loop() {
  const sigset_t set = stop_signals();
  const timespec pause{0, 100'000'000};
  while (!over_) {
    const int signal = sigtimedwait(&set, nullptr, &pause);
    if (signal > 0 && stop_) _exit(128 + signal);
    if (signal > 0) stop_ = true;
    if (terminal_) say(fmt::format("{}{}{}", kClearLine, progress_(), stop_ ? ", stopping" : ""));
  }
}

}  // namespace kvtool
