#pragma once
#include <vector>

#include "policy/handle_queue.hpp"

namespace kv {

/// Which blocks are past a ttl: a queue in the order of their last store, one in that of their last use, as far as such
/// a ttl is given. Not thread-safe; 16 bytes a handle and ttl, nothing without one.
class Expiry {
 public:
  explicit Expiry(const CacheOptions& options) : fixed_(options.fixed_ttl), sliding_(options.sliding_ttl) {}

  bool active() const { return fixed_.ttl || sliding_.ttl; }
  void grow(Handle handles) {
    for (Clocked* one : {&fixed_, &sliding_}) {
      if (!one->ttl) continue;
      one->links.resize(handles);
      one->since.resize(handles);
    }
  }
  /// It is `now` from here on. Returns the first block that has expired, kNoHandle if none has.
  Handle begin(Duration now) {
    now_ = now;
    return next_expired();
  }
  /// Once that block was removed.
  Handle next_expired() const {
    for (const Clocked* one : {&fixed_, &sliding_}) {
      const Handle oldest = one->queue.oldest();
      if (oldest != kNoHandle && now_ - one->since[oldest] > *one->ttl) return oldest;
    }
    return kNoHandle;
  }
  void use(Handle block, bool stored) {
    if (fixed_.ttl && stored) fixed_.start(block, now_);
    if (!sliding_.ttl) return;
    if (!stored) sliding_.queue.remove(sliding_.links, block);
    sliding_.start(block, now_);
  }
  /// A block that was used() and is there.
  void remove(Handle block) {
    if (fixed_.ttl) fixed_.queue.remove(fixed_.links, block);
    if (sliding_.ttl) sliding_.queue.remove(sliding_.links, block);
  }

 private:
  struct Clocked {
    std::optional<Duration> ttl;
    HandleQueue queue = {};
    Links links = {};
    std::vector<Duration> since = {};

    explicit Clocked(std::optional<Duration> given) : ttl(given) {}
    void start(Handle block, Duration now) {
      since[block] = now;
      queue.push(links, block);
    }
  };
  Clocked fixed_, sliding_;
  Duration now_{0};
};

}  // namespace kv
