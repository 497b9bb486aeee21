#include <limits>

#include "policy/policy_cache.hpp"
#include "policy/rank_heap.hpp"
#include "policy/rows.hpp"

namespace kv {
namespace {

using Rank = RankHeap::Rank;

/// Blocks leave by a rank that `Ranking` gives them when they are stored and used. Uses are counted since the block was
/// stored, which is the first.
template <class Ranking>
class RankedPolicy {
 public:
  explicit RankedPolicy(std::uint64_t) {}
  void grow(Handle handles) {
    heap_.grow(handles);
    uses_.resize(handles);
  }
  void insert(Handle block, const Place& place) {
    uses_[block] = 1;
    heap_.insert(block, {ranking_.value(1, place), clock_++});
  }
  void touch(Handle block, const Place& place) {
    uses_[block] += uses_[block] < kMostUses;
    heap_.change(block, {ranking_.value(uses_[block], place), clock_++});
  }
  void erase(Handle block, std::uint32_t) { heap_.remove(block); }
  bool remembers(Handle) const { return false; }

  template <class Residents, class Take>
  void evict(const Residents& residents, const Take& take) {
    passed_.clear();
    for (bool more = true; more && !heap_.empty();) {
      const Handle block = heap_.lowest();
      const Rank rank = heap_.lowest_rank();
      heap_.remove(block);
      if (residents.pinned(block)) {
        passed_.push_back({block, rank});
        continue;
      }
      ranking_.left(rank.value);
      more = take(block);
    }
    for (const Passed& one : passed_) heap_.insert(one.block, one.rank);
  }

 private:
  static constexpr std::uint32_t kMostUses = 1 << 20;
  struct Passed {
    Handle block;
    Rank rank;
  };
  Ranking ranking_;
  RankHeap heap_;
  std::vector<std::uint32_t> uses_;
  std::vector<Passed> passed_;
  std::uint64_t clock_ = 0;
};

/// GreedyDual-Size with frequency: age + uses x cost / size, where age is the rank of whoever left last. A block costs
/// 1 to compute, whatever its depth: attention makes late tokens dearer, but to rank them higher would drop heads
/// before the tails that need them. Its size is its weight. In fixed point, so that every machine ranks alike.
struct GreedyDual {
  std::uint64_t age = 0;
  std::uint64_t value(std::uint64_t uses, const Place& place) const {
    const std::uint64_t worth = (uses << 24) / place.weight;
    return age + std::min(worth, std::numeric_limits<std::uint64_t>::max() - age);
  }
  void left(std::uint64_t rank) { age = rank; }
};

/// Least used first; of those the deepest in its prompt.
struct LengthAware {
  std::uint64_t value(std::uint64_t uses, const Place& place) const {
    return uses << 32 | (std::numeric_limits<std::uint32_t>::max() - place.depth);
  }
  void left(std::uint64_t) {}
};

}  // namespace

PolicyRow gdsf_row() {
  return {
      .name = "gdsf",
      .summary =
          "least uses for its weight leaves first, counted from the rank of what left last, so that old fame fades",
      .source = "Cherkasova 1998, after Cao, Irani 1997",
      .make = make_cache<RankedPolicy<GreedyDual>>,
  };
}

PolicyRow length_aware_row() {
  return {
      .name = "length-aware",
      .summary = "like lfu, but of equals the block that lies deepest in its prompt leaves first",
      .source = "LengthAwareCache of Qin et al. (Mooncake), FAST 2025",
      .make = make_cache<RankedPolicy<LengthAware>>,
  };
}

}  // namespace kv
