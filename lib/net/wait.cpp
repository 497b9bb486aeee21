#include "net/wait.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace kv::net {
namespace {

constexpr Duration kLongest = std::chrono::hours(1);  // of one sleep

}  // namespace

Result<bool> wait_for(std::span<pollfd> sockets, TimePoint until, Duration spin) {
  TimePoint now = std::chrono::steady_clock::now();
  const TimePoint asleep_from = now + spin;
  while (true) {
    // Compared before they are subtracted: the span to TimePoint::min() or max() is none that a Duration holds.
    const bool look = now < asleep_from || until <= now;
    const Duration left = look ? Duration(0) : std::min(until, now + kLongest) - now;
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec timeout{static_cast<time_t>(whole.count()), static_cast<long>((left - whole).count())};
    const int ready = ppoll(sockets.data(), sockets.size(), &timeout, nullptr);
    if (ready > 0) return true;  // also for a hang-up: the next read or write says which
    if (ready < 0 && errno != EINTR) {
      return error(Code::io, fmt::format("cannot wait for a socket: {}", std::generic_category().message(errno)));
    }
    now = std::chrono::steady_clock::now();
    if (now >= until) return false;
  }
}

}  // namespace kv::net
