#include "probe/drive.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <time.h>

#include <algorithm>
#include <vector>

#include "backend/resp/endpoint.hpp"
#include "base/parse.hpp"
#include "net/wait.hpp"

namespace kv::probe {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr Duration kLook = std::chrono::milliseconds(50);  // how often a wait looks whether it is to end

TimePoint now() { return std::chrono::time_point_cast<Duration>(SteadyClock::now()); }

Duration thread_cpu() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// The operations of one lane.
class Window {
 public:
  Window(Lane& lane, std::uint32_t depth) : lane_(&lane), begun_(depth) {}

  Result<void> submit(TimePoint at) {
    begun_[submitted_++ % begun_.size()] = at;
    return lane_->submit();
  }
  TimePoint oldest() const { return begun_[completed_ % begun_.size()]; }
  Duration completed(TimePoint at) {
    const Duration took = at - oldest();
    ++completed_;
    return took;
  }
  bool idle() const { return completed_ == submitted_; }
  bool had_its_share() const { return completed_ >= begun_.size(); }
  Lane& lane() const { return *lane_; }

  bool may_move = true;  ///< whether a step may complete something, whatever the socket says

 private:
  Lane* lane_;
  std::vector<TimePoint> begun_;  // of the operations under way, a ring
  std::uint64_t submitted_ = 0, completed_ = 0;
};

class Driver {
 public:
  Driver(std::span<const std::unique_ptr<Lane>> lanes, const Pace& pace) : pace_(pace) {
    windows_.reserve(lanes.size());
    for (const auto& lane : lanes) windows_.emplace_back(*lane, pace.depth);
    polled_.resize(lanes.size());
  }

  Result<Stretch> run() {
    const Duration cpu = thread_cpu();
    const TimePoint begin = now();
    end_ = begin + pace_.least;
    for (Window& window : windows_) {
      for (std::uint32_t i = 0; i < pace_.depth; ++i) {
        if (auto ok = window.submit(begin); !ok) return error(ok);
      }
    }
    while (true) {
      if (auto ok = advance_all(); !ok) return error(ok);
      if (std::all_of(windows_.begin(), windows_.end(), [](const Window& w) { return w.idle(); })) break;
      if (auto ok = wait(); !ok) return error(ok);
    }
    stretch_.elapsed = now() - begin;
    stretch_.client_cpu = thread_cpu() - cpu;
    return std::move(stretch_);
  }

 private:
  bool stopping() const { return pace_.stop != nullptr && *pace_.stop; }

  Result<void> advance_all() {
    for (std::size_t i = 0; i < windows_.size(); ++i) {
      if (windows_[i].idle() || (!windows_[i].may_move && polled_[i].revents == 0)) continue;
      if (auto ok = advance(windows_[i]); !ok) return ok;
    }
    return {};
  }

  /// Completes operations of one lane, and puts another behind each; not so many that the other lanes starve. Where it
  /// leaves off before the lane has nothing to move, the lane may hold an answer that its socket no longer tells of.
  Result<void> advance(Window& window) {
    const std::uint32_t most = windows_.size() == 1 ? ~0U : 2 * pace_.depth;
    window.may_move = false;
    for (std::uint32_t i = 0; i < most && !window.idle(); ++i) {
      const auto complete = window.lane().step();
      if (!complete) return error(complete);
      if (!*complete) return {};
      const TimePoint at = now();
      stretch_.latency.record(window.completed(at));
      ++stretch_.operations;
      if (stopping() || (at >= end_ && window.had_its_share())) continue;
      if (auto ok = window.submit(at); !ok) return ok;
    }
    window.may_move = true;
    return {};
  }

  Result<void> wait() {
    TimePoint oldest = TimePoint::max();
    bool may_move = false;
    for (std::size_t i = 0; i < windows_.size(); ++i) {
      const Window& window = windows_[i];
      const int descriptor = window.idle() ? -1 : window.lane().descriptor();  // poll() passes over -1
      polled_[i] = {descriptor, static_cast<short>(window.lane().wants_to_send() ? POLLIN | POLLOUT : POLLIN), 0};
      if (window.idle()) continue;
      oldest = std::min(oldest, window.oldest());
      may_move = may_move || window.may_move;
    }
    const TimePoint begin = now();
    if (stopping() && last_wait_ == TimePoint()) last_wait_ = begin + resp::kLastWait;
    const auto ready = net::wait_for(polled_, may_move ? begin : begin + kLook, may_move ? Duration(0) : pace_.spin);
    if (!ready) return error(ready);
    const TimePoint end = now();
    stretch_.waited += end - begin;
    if (last_wait_ != TimePoint() && end >= last_wait_) {
      return error(Code::interrupted, "no answer since the probe was told to stop");
    }
    if (end - oldest < pace_.patience) return {};
    return error(Code::io, fmt::format("no answer within {}", format_duration(pace_.patience)),
                 "raise timeout=, if the network is that slow");
  }

  const Pace& pace_;
  std::vector<Window> windows_;
  std::vector<pollfd> polled_;
  TimePoint end_{}, last_wait_{};
  Stretch stretch_;
};

}  // namespace

void Stretch::merge(const Stretch& other) {
  operations += other.operations;
  elapsed += other.elapsed;
  waited += other.waited;
  client_cpu += other.client_cpu;
  latency.merge(other.latency);
}

Result<Stretch> drive(std::span<const std::unique_ptr<Lane>> lanes, const Pace& pace) {
  return Driver(lanes, pace).run();
}

}  // namespace kv::probe
