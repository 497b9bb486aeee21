#include "backend/resp/lifetimes.hpp"

#include <algorithm>

namespace kv::resp {

void Lifetimes::stored(const Key& key, TimePoint sent, TimePoint acknowledged, std::optional<Duration> ttl) {
  const Life life{acknowledged, ttl ? sent + *ttl - kSlack : TimePoint::max()};
  const std::lock_guard lock(mutex_);
  const Handle known = index_.find(key);
  if (known != kNoHandle) {
    lives_[known] = life;
  } else {
    index_.insert(key, static_cast<Handle>(lives_.size()));
    lives_.push_back(life);
  }
}

void Lifetimes::looked_up(std::span<const BlockRef> blocks, const std::vector<bool>& present, TimePoint begun,
                          TimePoint answered) {
  if (std::find(present.begin(), present.end(), false) == present.end()) return;
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (present[i]) continue;
    const Handle known = index_.find(blocks[i].key);
    if (known == kNoHandle || lives_[known].stored >= begun) continue;
    ++(answered >= lives_[known].ends ? counts_.expired : counts_.lost);
  }
}

void Lifetimes::renewed(const Key& key, TimePoint sent, Duration ttl) {
  const std::lock_guard lock(mutex_);
  ++counts_.renewed;
  const Handle known = index_.find(key);
  if (known != kNoHandle) lives_[known].ends = sent + ttl - kSlack;
}

Lifetimes::Counts Lifetimes::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Lifetimes::clear() {
  const std::lock_guard lock(mutex_);
  index_ = {};
  lives_.clear();
  counts_ = {};
}

}  // namespace kv::resp
