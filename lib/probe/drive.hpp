#pragma once
#include <atomic>
#include <memory>
#include <span>

#include "base/units.hpp"
#include "metrics/histogram.hpp"
#include "probe/lane.hpp"

namespace kv::probe {

/// What was measured in one stretch of time, from the first submission to the last completion.
struct Stretch {
  std::uint64_t operations = 0;
  Duration elapsed{0};
  Duration waited{0};      ///< of it: for a socket to be ready
  Duration client_cpu{0};  ///< of the thread that drove, CLOCK_THREAD_CPUTIME_ID; spinning is in it
  Histogram latency{};     ///< of each operation, from its submission

  double per_s() const { return elapsed.count() > 0 ? static_cast<double>(operations) / seconds(elapsed) : 0; }
  void merge(const Stretch& other);
};

struct Pace {
  std::uint32_t depth = 1;                       ///< operations under way on each lane
  Duration least{0};                             ///< to submit for
  Duration patience = std::chrono::seconds(10);  ///< for any one operation
  Duration spin{0};                              ///< see net::wait_for
  const std::atomic<bool>* stop = nullptr;  ///< once true, nothing more is submitted, and patience is resp::kLastWait
};

/// Drives all lanes from this one thread: as one operation completes, the next is submitted, until `least` has passed
/// and every lane has done `depth` of them; then what is under way is completed. One thread, because clients that fight
/// a server for the cores of one machine measure the fight. Fails with the lane's error, or (io) if an operation takes
/// longer than `patience`.
Result<Stretch> drive(std::span<const std::unique_ptr<Lane>> lanes, const Pace& pace);

}  // namespace kv::probe
