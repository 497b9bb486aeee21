#include "policy/handle_queue.hpp"
#include "policy/policy_cache.hpp"
#include "policy/rows.hpp"

namespace kv {
namespace {

/// Two queues of residents, used once (T1) and more often (T2), each by recency, and for each a ghost queue of what
/// left it (B1, B2). T1 is to weigh `target`, which grows when a block comes back that B1 remembers, and shrinks for
/// B2. T1 + B1 weigh no more than the capacity, all four no more than twice that.
///
/// A whole request at once: first all its new blocks that are remembered adapt the target, tail to head; then victims
/// leave, of T1 while it weighs more than the target (or as much, if B2 remembered one of the new blocks), else of T2;
/// then blocks are inserted. For requests of one block this is the published algorithm. A pinned block is passed as it
/// is.
class ArcPolicy {
 public:
  explicit ArcPolicy(std::uint64_t capacity) : capacity_(capacity) {}

  void grow(Handle handles) {
    links_.resize(handles);
    where_.resize(handles, kNowhere);
    ghost_weights_.resize(handles);
  }
  void expect(Handle block, const Place& place) {
    const std::uint8_t where = where_[block];
    if (where != kB1 && where != kB2) return;
    const std::uint64_t mine = queues_[where].weight, other = queues_[kB1 + kB2 - where].weight;
    const std::uint64_t step =
        std::max<std::uint64_t>(place.weight, place.weight * other / std::max<std::uint64_t>(mine, 1));
    if (where == kB1) {
      target_ = std::min(capacity_, target_ + step);
    } else {
      target_ -= std::min(target_, step);
      from_b2_ = true;
    }
    leave(block, ghost_weights_[block], kBack);
  }
  void insert(Handle block, const Place& place) {
    from_b2_ = false;
    enter(block, place.weight, where_[block] == kBack ? kT2 : kT1);
    while (queues_[kT1].weight + queues_[kB1].weight > capacity_) forget(kB1);
    while (total() > 2 * capacity_) forget(kB2);
  }
  void touch(Handle block, const Place& place) {
    leave(block, place.weight, kT2);
    queues_[kT2].push(links_, block, place.weight);
  }
  void erase(Handle block, std::uint32_t weight) { leave(block, weight, kNowhere); }
  bool remembers(Handle block) const { return where_[block] == kB1 || where_[block] == kB2; }

  template <class Residents, class Take>
  void evict(const Residents& residents, const Take& take) {
    Handle next[] = {queues_[kT1].oldest(), queues_[kT2].oldest()};  // everything older is pinned
    for (bool more = true; more;) {
      for (Handle& block : next) {
        while (block != kNoHandle && residents.pinned(block)) block = links_[block].newer;
      }
      if (next[kT1] == kNoHandle && next[kT2] == kNoHandle) return;
      const std::uint64_t once = queues_[kT1].weight;
      const bool wanted = once > target_ || (from_b2_ && once == target_);
      const std::uint8_t from = next[kT2] == kNoHandle || (next[kT1] != kNoHandle && wanted) ? kT1 : kT2;
      const Handle block = next[from];
      next[from] = links_[block].newer;
      const std::uint32_t weight = residents.weight(block);
      const std::uint8_t ghost = from == kT1 ? kB1 : kB2;
      leave(block, weight, ghost);
      ghost_weights_[block] = weight;
      queues_[ghost].push(links_, block, weight);
      more = take(block);
    }
  }

 private:
  enum : std::uint8_t { kT1, kT2, kB1, kB2, kQueues, kBack = kQueues, kNowhere };

  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const WeighedQueue& queue : queues_) sum += queue.weight;
    return sum;
  }
  void enter(Handle block, std::uint32_t weight, std::uint8_t where) {
    where_[block] = where;
    queues_[where].push(links_, block, weight);
  }
  void leave(Handle block, std::uint32_t weight, std::uint8_t next) {
    queues_[where_[block]].remove(links_, block, weight);
    where_[block] = next;
  }
  void forget(std::uint8_t ghosts) {
    const Handle block = queues_[ghosts].oldest();
    leave(block, ghost_weights_[block], kNowhere);
  }

  const std::uint64_t capacity_;
  std::uint64_t target_ = 0;
  bool from_b2_ = false;
  WeighedQueue queues_[kQueues];
  Links links_;
  std::vector<std::uint8_t> where_;
  std::vector<std::uint32_t> ghost_weights_;
};

}  // namespace

PolicyRow arc_row() {
  return {
      .name = "arc",
      .summary =
          "recent blocks and often used ones share the cache; what comes back soon after leaving shifts the line",
      .source = "Megiddo, Modha, FAST 2003",
      .remembers = true,
      .make = make_cache<ArcPolicy>,
  };
}

}  // namespace kv
