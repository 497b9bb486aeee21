#include "sim/tier_cache.hpp"

namespace kv {

TierCache::TierCache(Blocks capacity)
    : capacity_(capacity), cache_(find_policy("lru")->make({.capacity = capacity.count()})) {}

Handle TierCache::take_handle() {
  if (free_.empty()) {
    named_.push_back({});
    return static_cast<Handle>(named_.size() - 1);
  }
  const Handle handle = free_.back();
  free_.pop_back();
  return handle;
}

TierCache::Served TierCache::serve(std::span<const BlockId> ids, std::uint32_t owner) {
  hit_owners_.clear();
  inserted_.clear();
  evicted_.clear();
  if (capacity_ == Blocks(0)) return {};
  handles_.clear();
  bool leading = true;
  for (const BlockId id : ids) {
    Handle handle = index_.find({0, id});
    leading = leading && handle != kNoHandle;
    if (leading) hit_owners_.push_back(named_[handle].owner);
    if (handle == kNoHandle) {
      handle = take_handle();
      named_[handle] = {id, owner};
    }
    handles_.push_back(handle);
  }
  if (ones_.size() < ids.size()) ones_.assign(ids.size(), 1);
  pinned_.assign(ids.size(), 0);
  accepted_.assign(ids.size(), 0);
  victims_.clear();
  cache_->admit({handles_, std::span(ones_).first(ids.size()), pinned_, accepted_}, victims_);
  for (const Handle victim : victims_) {
    index_.erase({0, named_[victim].id});
    evicted_.push_back(named_[victim].id);
    free_.push_back(victim);
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (pinned_[i]) cache_->unpin(handles_[i]);
    if (accepted_[i]) {
      index_.insert({0, ids[i]}, handles_[i]);
      inserted_.push_back(ids[i]);
    } else if (!pinned_[i]) {
      free_.push_back(handles_[i]);
    }
  }
  return {static_cast<std::uint32_t>(hit_owners_.size()), static_cast<std::uint32_t>(inserted_.size())};
}

}  // namespace kv
