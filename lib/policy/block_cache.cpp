#include "policy/block_cache.hpp"

#include <algorithm>
#include <cassert>

namespace kv {

BlockCache::BlockCache(std::uint64_t capacity, std::unique_ptr<Policy> policy)
    : capacity_(capacity), policy_(std::move(policy)) {}

void BlockCache::pin(Handle block) {
  assert(resident(block));
  Entry& entry = entries_[block];
  if (entry.pins++ == 0) pinned_ += entry.weight;
}

void BlockCache::unpin(Handle block) {
  assert(resident(block) && entries_[block].pins > 0);
  Entry& entry = entries_[block];
  if (--entry.pins == 0) pinned_ -= entry.weight;
}

void BlockCache::drop(Handle block) {
  assert(resident(block));
  Entry& entry = entries_[block];
  if (entry.pins != 0) pinned_ -= entry.weight;
  used_ -= entry.weight;
  entry = {};
  policy_->erase(block);
}

void BlockCache::admit(std::span<const Handle> blocks, std::span<const std::uint32_t> weights,
                       std::span<std::uint8_t> pinned, std::span<std::uint8_t> accepted, std::vector<Handle>& victims) {
  assert(weights.size() == blocks.size() && pinned.size() == blocks.size() && accepted.size() == blocks.size());
  // Its own resident blocks are pinned first: a request never evicts its own prefix.
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    accepted[i] = 0;
    if (blocks[i] >= entries_.size()) entries_.resize(std::max<std::size_t>(blocks[i] + 1, entries_.size() * 2));
    if (!pinned[i] && resident(blocks[i])) {
      pin(blocks[i]);
      pinned[i] = 1;
    }
  }
  const std::uint64_t room = capacity_ - pinned_;
  std::uint64_t need = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (pinned[i]) continue;
    if (weights[i] > room - need) break;
    need += weights[i];
    accepted[i] = 1;
  }
  evict_for(need, victims);
  for (std::size_t i = blocks.size(); i-- > 0;) {
    if (pinned[i]) {
      policy_->touch(blocks[i]);
    } else if (accepted[i]) {
      entries_[blocks[i]] = {weights[i], 1};
      used_ += weights[i];
      pinned_ += weights[i];
      pinned[i] = 1;
      ++insertions_;
      policy_->insert(blocks[i]);
    }
  }
  assert(used_ <= capacity_);
}

void BlockCache::evict_for(std::uint64_t need, std::vector<Handle>& victims) {
  Handle next = policy_->first_victim();
  while (capacity_ - used_ < need) {
    assert(next != kNoHandle && "room was counted over unpinned blocks");
    const Handle block = next;
    next = policy_->next_victim(block);
    Entry& entry = entries_[block];
    if (entry.pins != 0) continue;
    used_ -= entry.weight;
    entry = {};
    policy_->erase(block);
    victims.push_back(block);
    ++evictions_;
  }
}

}  // namespace kv
