#include "policy/handle_queue.hpp"
#include "policy/policy_cache.hpp"
#include "policy/rows.hpp"

namespace kv {
namespace {

/// One queue in the order of storing, a bit a block that says it was used since the hand last saw it, and a hand that
/// goes from old to new and starts again at the oldest: it clears bits, and whoever has none leaves. It stays where it
/// is between evictions. A pinned block is passed as it is.
class SievePolicy {
 public:
  explicit SievePolicy(std::uint64_t) {}
  void grow(Handle handles) {
    links_.resize(handles);
    used_.resize(handles);
  }
  void insert(Handle block, const Place&) {
    queue_.push(links_, block);
    used_[block] = 0;
  }
  void touch(Handle block, const Place&) { used_[block] = 1; }
  void erase(Handle block, std::uint32_t) {
    if (hand_ == block) hand_ = links_[block].newer;
    queue_.remove(links_, block);
  }
  bool remembers(Handle) const { return false; }

  template <class Residents, class Take>
  void evict(const Residents& residents, const Take& take) {
    for (bool more = true; more && !queue_.empty();) {
      const Handle block = hand_ == kNoHandle ? queue_.oldest() : hand_;
      hand_ = links_[block].newer;
      if (residents.pinned(block)) continue;
      if (used_[block] != 0) {
        used_[block] = 0;
        continue;
      }
      queue_.remove(links_, block);
      more = take(block);
    }
  }

 private:
  Links links_;
  std::vector<std::uint8_t> used_;
  HandleQueue queue_;
  Handle hand_ = kNoHandle;  // the next to be looked at; none: the oldest
};

}  // namespace

PolicyRow sieve_row() {
  return {
      .name = "sieve",
      .summary = "in the order of storing, but a block that was used since it was last looked at is passed over once",
      .source = "Zhang et al., NSDI 2024",
      .make = make_cache<SievePolicy>,
  };
}

}  // namespace kv
