#pragma once
#include <cstdint>
#include <vector>

namespace kv {

/// A request while it is simulated. Times in seconds since the first arrival.
struct InFlight {
  std::uint64_t index = 0;  ///< of the request, in the order of arrival
  double arrival_s = 0, ready_s = 0, fetch_s = 0,
         prefill_s = 0;                              ///< fetch_s: a length of time; prefill_s: its first piece began
  double first_token_s = 0, end_s = 0, store_s = 0;  ///< store_s: a length of time
  std::uint64_t prefix = 0, fresh = 0, done = 0, output = 0;        ///< tokens: there already, to compute, computed
  std::uint32_t instance = 0, piece = 0;                            ///< piece: tokens computed in the step under way
  std::uint64_t tokens() const { return prefix + fresh + output; }  ///< whose KV it holds in the end
};

/// All of them, by slot; slots of those that ended are used again.
class InFlightPool {
 public:
  InFlight& operator[](std::uint32_t slot) { return slots_[slot]; }

  std::uint32_t add(const InFlight& request) {
    if (free_.empty()) {
      slots_.push_back(request);
      return static_cast<std::uint32_t>(slots_.size() - 1);
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    slots_[slot] = request;
    return slot;
  }
  void remove(std::uint32_t slot) { free_.push_back(slot); }
  std::size_t size() const { return slots_.size() - free_.size(); }

 private:
  std::vector<InFlight> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace kv
