#include "watch.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>

#include "common.hpp"

namespace kvbench {
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

Watch::Watch(kv::ReplayControl& control, std::uint64_t requests_in_all)
    : control_(control), requests_in_all_(requests_in_all), terminal_(isatty(STDERR_FILENO) != 0) {
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
    if (signal > 0 && control_.stop) _exit(128 + signal);
    if (signal > 0) control_.stop = true;
    if (terminal_) show(control_.requests_done);
  }
}

void Watch::show(std::uint64_t done) const {
  const double share = requests_in_all_ ? static_cast<double>(done) / static_cast<double>(requests_in_all_) : 0;
  say(fmt::format("{}{:3.0f} %  {} of {} requests{}", kClearLine, 100 * share, done, requests_in_all_,
                  control_.stop ? ", stopping" : ""));
}

}  // namespace kvbench
