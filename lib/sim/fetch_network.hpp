#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include "base/units.hpp"

namespace kv {

/// The way from a shared store to the engines. Rates in bytes/s, at least 1; an infinite one takes no time.
struct FetchLinks {
  static constexpr double kNoLimit = std::numeric_limits<double>::infinity();

  Duration latency{0};                     ///< of every fetch, before its first byte: lookup and round trips
  double instance_bytes_per_s = kNoLimit;  ///< what one instance receives at most: its NIC, or codec, or upload
  double server_bytes_per_s = kNoLimit;    ///< what the store sends at most, to all together
  double flow_bytes_per_s = kNoLimit;      ///< what one fetch reaches at most, alone
};

/// Concurrent fetches in virtual time: they share what each instance receives and what the store sends max-min fairly
/// (Bertsekas, Gallager 1992, 6.5.2): no fetch could have more without taking it from one that has no more. Between a
/// start and an end rates are constant, so that nothing happens in between. Time in seconds, which must not fall. Cost
/// of a start or an end: O(instances that fetch). Not thread-safe; memory grows with the fetches under way.
class FetchNetwork {
 public:
  FetchNetwork(std::uint32_t instances, const FetchLinks& links);

  /// A fetch of so many bytes begins at `now`; `id` names it when it ends.
  void start(double now_s, std::uint32_t instance, std::uint32_t id, double bytes);

  struct Ended {
    std::uint32_t instance = 0, id = 0;
  };
  /// When anything happens next; infinity: nothing is under way.
  double next_s() const { return std::min(next_end_s_, waiting_.empty() ? kNever : waiting_.front().at_s); }
  /// Carries out what happens at next_s(): appends the fetches that end then, which may be none.
  void step(std::vector<Ended>& ended);

  /// Of all fetches whose first byte has come.
  double moved_bytes() const { return moved_bytes_; }
  /// Time in which anything was on its way, latency excluded.
  double busy_s() const { return busy_s_; }

 private:
  static constexpr double kNever = std::numeric_limits<double>::infinity();
  struct Waiting {
    double at_s;
    std::uint32_t instance, id;
    double bytes;
  };
  struct Flow {
    double served_at_end;  // of its instance's `served`
    std::uint32_t id;
    bool operator>(const Flow& other) const {
      return served_at_end != other.served_at_end ? served_at_end > other.served_at_end : id > other.id;
    }
  };
  struct Link {
    std::vector<Flow> flows;           // a heap, whoever ends first on top
    double served = 0;                 // bytes that each flow here has had since the link was last idle
    double limit_per_s = 0, rate = 0;  // of a flow: without and with the store's limit
  };
  void move(double now_s);
  void join(const Waiting& fetch);
  void finish(std::uint32_t instance, std::vector<Ended>& ended);
  void share();
  double fair_rate() const;

  double latency_s_, instance_rate_, server_rate_, flow_rate_;
  std::deque<Waiting> waiting_;  // until their latency is over; in order, as all wait equally long
  std::vector<Link> links_;
  std::vector<std::uint32_t> active_;  // links with flows, in no order that matters
  double now_s_ = 0, next_end_s_ = kNever, moved_bytes_ = 0, busy_s_ = 0;
  std::uint32_t next_link_ = 0;
};

}  // namespace kv
