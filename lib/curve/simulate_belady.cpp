#include "curve/simulate_belady.hpp"

#include <algorithm>
#include <limits>
#include <queue>

namespace kv {
namespace {

using RequestIndex = std::uint32_t;
constexpr RequestIndex kNever = std::numeric_limits<RequestIndex>::max();

/// When each block reference's block is used again, all requests one after the other.
std::vector<RequestIndex> next_uses(const Workload& workload, std::uint64_t refs) {
  std::vector<RequestIndex> next(refs), last(workload.unique_blocks(), kNever);
  for (std::size_t r = workload.size(); r-- > 0;) {
    const auto blocks = workload[r].blocks;
    for (std::size_t i = blocks.size(); i-- > 0;) {
      next[--refs] = last[blocks[i]];
      last[blocks[i]] = static_cast<RequestIndex>(r);
    }
  }
  return next;
}

/// The blocks that are kept, by the request that uses them next. A block is used again no earlier than its parent, so
/// that whoever comes later to wait for a request lies no deeper: the first of its queue is the deepest.
class Waiting {
 public:
  explicit Waiting(const Workload& workload)
      : queues_(workload.size()), behind_(workload.unique_blocks(), kNobody), kept_(workload.unique_blocks(), 0) {}

  std::uint64_t count() const { return count_; }
  bool kept(DenseId block) const { return kept_[block] != 0; }
  void add(RequestIndex at, DenseId block) {
    Queue& queue = queues_[at];
    behind_[block] = kNobody;
    if (queue.first == kNobody) {
      queue.first = block;
      latest_.push(at);
    } else {
      behind_[queue.last] = block;
    }
    queue.last = block;
    kept_[block] = 1;
    ++count_;
  }
  /// The request `at` has come: those that waited for it are kept by whoever adds them again.
  void release(RequestIndex at) {
    for (DenseId block = queues_[at].first; block != kNobody; block = behind_[block]) {
      kept_[block] = 0;
      --count_;
    }
    queues_[at].first = kNobody;
  }
  /// Of those who wait longest, lets the deepest go.
  DenseId drop() {
    while (queues_[latest_.top()].first == kNobody) latest_.pop();
    Queue& queue = queues_[latest_.top()];
    const DenseId block = queue.first;
    queue.first = behind_[block];
    kept_[block] = 0;
    --count_;
    return block;
  }

 private:
  static constexpr DenseId kNobody = std::numeric_limits<DenseId>::max();
  struct Queue {
    DenseId first = kNobody, last = kNobody;
  };
  std::vector<Queue> queues_;
  std::priority_queue<RequestIndex> latest_;  // some whose queue is empty again
  std::vector<DenseId> behind_;
  std::vector<std::uint8_t> kept_;
  std::uint64_t count_ = 0;
};

}  // namespace

SimulationResult simulate_belady(const Workload& workload, Blocks capacity) {
  SimulationResult sum;
  const std::uint64_t refs = summarize(workload).block_refs;
  const std::vector<RequestIndex> next = next_uses(workload, refs);
  Waiting waiting(workload);
  std::vector<std::uint8_t> was_there;
  std::uint64_t first = 0;
  for (std::size_t r = 0; r < workload.size(); ++r) {
    const Request request = workload[r];
    const auto blocks = request.blocks;
    was_there.clear();
    for (const DenseId block : blocks) was_there.push_back(waiting.kept(block));
    const auto hole = std::find(was_there.begin(), was_there.end(), 0);
    const auto hits = static_cast<std::uint64_t>(hole - was_there.begin());
    sum.requests_with_hit += hits > 0;
    sum.block_hits += hits;
    sum.token_hits += std::min(hits * workload.block_size().count(), request.input.count());

    waiting.release(static_cast<RequestIndex>(r));
    for (std::size_t i = blocks.size(); i-- > 0;) {
      if (next[first + i] != kNever) waiting.add(next[first + i], blocks[i]);
    }
    // A block of an earlier request that goes was there, so that it is evicted; one of this request only then.
    std::uint64_t gone = 0;
    while (waiting.count() > capacity.count()) {
      waiting.drop();
      ++gone;
    }
    std::uint64_t left = gone;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const bool kept = waiting.kept(blocks[i]), used_again = next[first + i] != kNever;
      sum.insertions += kept && !was_there[i];
      if (used_again && !kept && !was_there[i]) --left;  // it was not evicted, but never stored
      if (!used_again && was_there[i]) ++left;
    }
    sum.evictions += left;
    first += blocks.size();
  }
  sum.unstored = refs - sum.block_hits - sum.insertions;
  return sum;
}

}  // namespace kv
