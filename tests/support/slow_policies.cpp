// References that are slow and plain: vectors are ordered from oldest to newest, everything is searched for.
#include <deque>

#include "support/slow_cache.hpp"

namespace kv::test {
namespace {

class SlowQueue final : public SlowPolicy {
 public:
  explicit SlowQueue(bool lru) : lru_(lru) {}
  void insert(DenseId id, DenseId, std::size_t) override { order_.push_back(id); }
  void touch(DenseId id) override {
    if (!lru_) return;
    take_out(order_, id);
    order_.push_back(id);
  }
  DenseId victim(const std::set<DenseId>& pinned) override {
    const auto found = std::find_if(order_.begin(), order_.end(), [&](DenseId id) { return pinned.count(id) == 0; });
    const DenseId id = *found;
    order_.erase(found);
    return id;
  }
  void erase(DenseId id) override { take_out(order_, id); }

 private:
  bool lru_;
  Ids order_;
};

/// Whoever ranks lowest: lfu, length-aware, gdsf, and leaf-lru among leaves.
class SlowRanked final : public SlowPolicy {
 public:
  explicit SlowRanked(std::string name) : name_(std::move(name)) {}
  void insert(DenseId id, DenseId parent, std::size_t depth) override {
    blocks_[id] = {1, depth, clock_++, age_, parent};
  }
  void touch(DenseId id) override {
    Block& block = blocks_.at(id);
    ++block.uses;
    block.last = clock_++;
    block.age = age_;
  }
  DenseId victim(const std::set<DenseId>& pinned) override {
    std::optional<std::pair<DenseId, Block>> lowest;
    for (const auto& [id, block] : blocks_) {
      if (pinned.count(id) != 0 || (name_ == "leaf-lru" && has_child(id))) continue;
      if (!lowest || rank(block) < rank(lowest->second)) lowest = {id, block};
    }
    age_ = lowest->second.age + lowest->second.uses;
    blocks_.erase(lowest->first);
    return lowest->first;
  }
  void erase(DenseId id) override { blocks_.erase(id); }

 private:
  struct Block {
    std::uint64_t uses, depth, last, age;
    DenseId parent;
  };
  std::tuple<std::uint64_t, std::uint64_t, std::uint64_t> rank(const Block& block) const {
    if (name_ == "lfu") return {block.uses, 0, block.last};
    if (name_ == "length-aware") return {block.uses, 1000 - block.depth, block.last};
    if (name_ == "gdsf") return {block.age + block.uses, 0, block.last};
    return {0, 0, block.last};
  }
  bool has_child(DenseId id) const {
    return std::any_of(blocks_.begin(), blocks_.end(), [&](const auto& other) { return other.second.parent == id; });
  }

  std::string name_;
  std::map<DenseId, Block> blocks_;
  std::uint64_t clock_ = 0, age_ = 0;
};

class SlowSieve final : public SlowPolicy {
 public:
  void insert(DenseId id, DenseId, std::size_t) override { order_.push_back(id); }
  void touch(DenseId id) override { used_.insert(id); }
  DenseId victim(const std::set<DenseId>& pinned) override {
    for (;;) {
      if (hand_ >= order_.size()) hand_ = 0;
      const DenseId id = order_[hand_];
      if (pinned.count(id) != 0 || used_.count(id) != 0) {
        if (pinned.count(id) == 0) used_.erase(id);
        ++hand_;
        continue;
      }
      order_.erase(order_.begin() + static_cast<std::ptrdiff_t>(hand_));
      // At the end the hand waits for the oldest, whatever is inserted meanwhile.
      if (hand_ == order_.size()) hand_ = 0;
      return id;
    }
  }
  void erase(DenseId id) override {
    const auto found = std::find(order_.begin(), order_.end(), id);
    if (static_cast<std::size_t>(found - order_.begin()) < hand_) --hand_;
    order_.erase(found);
    used_.erase(id);
    if (hand_ == order_.size()) hand_ = 0;
  }

 private:
  Ids order_;
  std::set<DenseId> used_;
  std::size_t hand_ = 0;
};

class SlowS3Fifo final : public SlowPolicy {
 public:
  explicit SlowS3Fifo(std::uint64_t capacity)
      : small_room_(std::max<std::uint64_t>(capacity / 10, 1)), ghost_room_(capacity - small_room_) {}
  void insert(DenseId id, DenseId, std::size_t) override {
    uses_[id] = 0;
    if (has(ghost_, id)) {
      take_out(ghost_, id);
      main_.push_back(id);
    } else {
      small_.push_back(id);
    }
  }
  void touch(DenseId id) override { uses_[id] = std::min(uses_[id] + 1, 3); }
  DenseId victim(const std::set<DenseId>& pinned) override {
    const auto free = [&](DenseId id) { return pinned.count(id) == 0; };
    for (;;) {
      const auto s = std::find_if(small_.begin(), small_.end(), free),
                 m = std::find_if(main_.begin(), main_.end(), free);
      if (m == main_.end() || (s != small_.end() && small_.size() >= small_room_)) {
        const DenseId id = *s;
        small_.erase(s);
        if (uses_[id] > 1) {
          uses_[id] = 0;
          main_.push_back(id);
          continue;
        }
        ghost_.push_back(id);
        if (ghost_.size() > ghost_room_) ghost_.erase(ghost_.begin());
        return id;
      }
      const DenseId id = *m;
      main_.erase(m);
      if (uses_[id]-- == 0) return id;
      main_.push_back(id);
    }
  }
  void erase(DenseId id) override { take_out(has(small_, id) ? small_ : main_, id); }

 private:
  std::uint64_t small_room_, ghost_room_;
  Ids small_, main_, ghost_;
  std::map<DenseId, int> uses_;
};

class SlowArc final : public SlowPolicy {
 public:
  explicit SlowArc(std::uint64_t capacity) : c_(capacity) {}
  void expect(DenseId id) override {
    if (has(b1_, id)) {
      p_ = std::min<std::uint64_t>(c_, p_ + std::max<std::uint64_t>(1, b2_.size() / b1_.size()));
      take_out(b1_, id);
      back_.insert(id);
    } else if (has(b2_, id)) {
      const std::uint64_t step = std::max<std::uint64_t>(1, b1_.size() / b2_.size());
      p_ = p_ > step ? p_ - step : 0;
      take_out(b2_, id);
      back_.insert(id);
      from_b2_ = true;
    }
  }
  void insert(DenseId id, DenseId, std::size_t) override {
    from_b2_ = false;
    (back_.erase(id) != 0 ? t2_ : t1_).push_back(id);
    while (t1_.size() + b1_.size() > c_) b1_.erase(b1_.begin());
    while (t1_.size() + t2_.size() + b1_.size() + b2_.size() > 2 * c_) b2_.erase(b2_.begin());
  }
  void touch(DenseId id) override {
    erase(id);
    t2_.push_back(id);
  }
  DenseId victim(const std::set<DenseId>& pinned) override {
    const auto free = [&](DenseId id) { return pinned.count(id) == 0; };
    const bool wanted = t1_.size() > p_ || (from_b2_ && t1_.size() == p_);
    const bool some1 = std::any_of(t1_.begin(), t1_.end(), free), some2 = std::any_of(t2_.begin(), t2_.end(), free);
    const bool from_t1 = some1 && (wanted || !some2);
    Ids& from = from_t1 ? t1_ : t2_;
    const DenseId id = *std::find_if(from.begin(), from.end(), free);
    take_out(from, id);
    (from_t1 ? b1_ : b2_).push_back(id);
    return id;
  }
  void erase(DenseId id) override { take_out(has(t1_, id) ? t1_ : t2_, id); }

 private:
  std::uint64_t c_, p_ = 0;
  bool from_b2_ = false;
  Ids t1_, t2_, b1_, b2_;
  std::set<DenseId> back_;
};

}  // namespace

std::unique_ptr<SlowPolicy> make_slow_policy(const std::string& name, std::uint64_t capacity) {
  if (name == "lru" || name == "fifo") return std::make_unique<SlowQueue>(name == "lru");
  if (name == "sieve") return std::make_unique<SlowSieve>();
  if (name == "s3-fifo") return std::make_unique<SlowS3Fifo>(capacity);
  if (name == "arc") return std::make_unique<SlowArc>(capacity);
  return std::make_unique<SlowRanked>(name);
}

}  // namespace kv::test
