#include "policy/handle_queue.hpp"
#include "policy/policy_cache.hpp"
#include "policy/rows.hpp"

namespace kv {
namespace {

/// Three queues in the order of arriving: small (a tenth of the capacity), main, and ghost, which remembers of what
/// left small as much as main may hold. New blocks go to small, those that ghost remembers to main. A block counts up
/// to three uses. To make room the oldest block of small is looked at while small weighs its tenth or more, else that
/// of main: in small, more than one use takes it to main with its count at zero, else it leaves and is remembered; in
/// main, a use is taken off and it goes to the young end, or without one it leaves.
/// A pinned block is passed as it is, and where one of the queues has only such, the other is looked at.
class S3FifoPolicy {
 public:
  explicit S3FifoPolicy(std::uint64_t capacity)
      : small_room_(std::max<std::uint64_t>(capacity / 10, 1)),
        ghost_room_(capacity - std::min(capacity, small_room_)) {}

  void grow(Handle handles) {
    links_.resize(handles);
    states_.resize(handles);
    ghost_weights_.resize(handles);
  }
  void insert(Handle block, const Place& place) {
    State& state = states_[block];
    const bool back = state.where == Where::ghost;
    if (back) forget(block);
    state = {back ? Where::main : Where::small, 0};
    (back ? main_ : small_).push(links_, block, place.weight);
  }
  void touch(Handle block, const Place&) {
    State& state = states_[block];
    state.uses = std::min<std::uint8_t>(state.uses + 1, 3);
  }
  void erase(Handle block, std::uint32_t weight) {
    (states_[block].where == Where::main ? main_ : small_).remove(links_, block, weight);
    states_[block] = {};
  }
  bool remembers(Handle block) const { return states_[block].where == Where::ghost; }

  template <class Residents, class Take>
  void evict(const Residents& residents, const Take& take) {
    // Everything older than these is pinned.
    Handle in_small = small_.oldest(), in_main = main_.oldest();
    for (bool more = true; more;) {
      in_small = first_free(residents, in_small);
      in_main = first_free(residents, in_main);
      if (in_small == kNoHandle && in_main == kNoHandle) return;
      const bool small = in_main == kNoHandle || (in_small != kNoHandle && small_.weight >= small_room_);
      Handle& next = small ? in_small : in_main;
      const Handle block = next;
      next = links_[block].newer;
      if (small ? look_at_small(block, residents.weight(block)) : look_at_main(block, residents.weight(block))) {
        more = take(block);
      } else if (in_main == kNoHandle) {
        in_main = block;  // the newest of main now
      }
    }
  }

 private:
  enum class Where : std::uint8_t { nowhere, small, main, ghost };
  struct State {
    Where where = Where::nowhere;
    std::uint8_t uses = 0;
  };

  template <class Residents>
  Handle first_free(const Residents& residents, Handle block) const {
    while (block != kNoHandle && residents.pinned(block)) block = links_[block].newer;
    return block;
  }

  /// Whether it leaves.
  bool look_at_small(Handle block, std::uint32_t weight) {
    small_.remove(links_, block, weight);
    if (states_[block].uses > 1) {
      states_[block] = {Where::main, 0};
      main_.push(links_, block, weight);
      return false;
    }
    states_[block].where = Where::ghost;
    ghost_weights_[block] = weight;
    ghost_.push(links_, block, weight);
    while (ghost_.weight > ghost_room_) forget(ghost_.oldest());
    return true;
  }
  bool look_at_main(Handle block, std::uint32_t weight) {
    State& state = states_[block];
    if (state.uses > 0) {
      --state.uses;
      main_.renew(links_, block);
      return false;
    }
    main_.remove(links_, block, weight);
    state = {};
    return true;
  }
  void forget(Handle ghost) {
    ghost_.remove(links_, ghost, ghost_weights_[ghost]);
    states_[ghost] = {};
  }

  const std::uint64_t small_room_, ghost_room_;
  Links links_;
  std::vector<State> states_;
  std::vector<std::uint32_t> ghost_weights_;
  WeighedQueue small_, main_, ghost_;
};

}  // namespace

PolicyRow s3_fifo_row() {
  return {
      .name = "s3-fifo",
      .summary =
          "new blocks pass through a tenth of the cache; those used twice there, or back soon after, get the rest",
      .source = "Yang et al., SOSP 2023",
      .remembers = true,
      .make = make_cache<S3FifoPolicy>,
  };
}

}  // namespace kv
