#pragma once
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "policy/block_cache.hpp"
#include "policy/handle_index.hpp"

namespace kv {

/// A BlockCache whose caller gives a handle to another block once the first has left, while the policy or the admission
/// remembers blocks that left. So each block known to either has an id of its own, found by its name; where neither
/// remembers anything, ids are the caller's handles and names are not looked at. Same contract as BlockCache.
///
/// An id is free again when the cache no longer remembers it, which is asked of all ids whenever they have doubled.
template <class Name>
class NamedCache {
 public:
  NamedCache(const PolicyRow& policy, const CacheOptions& options)
      : cache_(policy.make(options)), named_(policy.remembers || options.admit > 1) {}

  bool resident(Handle block) const {
    return named_ ? block < ids_.size() && ids_[block] != kNoHandle : cache_->resident(block);
  }
  void pin(Handle block) { cache_->pin(id(block)); }
  void unpin(Handle block) { cache_->unpin(id(block)); }
  void drop(Handle block) {
    cache_->drop(id(block));
    if (named_) ids_[block] = kNoHandle;
  }

  /// As BlockCache::admit; names[i] is that of request.blocks[i].
  void admit(const BlockCache::Ended& request, std::span<const Name> names, std::vector<Handle>& victims) {
    if (!named_) return cache_->admit(request, victims);
    request_ids_.clear();
    for (std::size_t i = 0; i < request.blocks.size(); ++i) {
      const Handle block = request.blocks[i];
      if (block >= ids_.size()) ids_.resize(std::max<std::size_t>(block + 1, ids_.size() * 2), kNoHandle);
      request_ids_.push_back(ids_[block] != kNoHandle ? ids_[block] : find_or_add(names[i]));
    }
    victim_ids_.clear();
    cache_->admit({request_ids_, request.weights, request.pinned, request.accepted}, victim_ids_);
    for (const Handle id : victim_ids_) {
      victims.push_back(holders_[id]);
      ids_[holders_[id]] = kNoHandle;
    }
    for (std::size_t i = 0; i < request.blocks.size(); ++i) {
      if (!request.pinned[i]) continue;
      ids_[request.blocks[i]] = request_ids_[i];
      holders_[request_ids_[i]] = request.blocks[i];
    }
    if (names_.size() - free_.size() >= collect_at_) collect();
  }

  std::uint64_t evictions() const { return cache_->evictions(); }
  /// Blocks that are resident or remembered, or not yet found to be neither.
  std::size_t known() const { return names_.size() - free_.size(); }

 private:
  static constexpr std::size_t kFewIds = 1024;

  Handle id(Handle block) const { return named_ ? ids_[block] : block; }
  Handle find_or_add(const Name& name) {
    Handle id = index_.find(name);
    if (id != kNoHandle) return id;
    if (free_.empty()) {
      id = static_cast<Handle>(names_.size());
      names_.push_back(name);
      holders_.push_back(kNoHandle);
    } else {
      id = free_.back();
      free_.pop_back();
      names_[id] = name;
    }
    used_.resize(names_.size());
    used_[id] = true;
    index_.insert(name, id);
    return id;
  }
  void collect() {
    for (Handle id = 0; id < names_.size(); ++id) {
      if (!used_[id] || cache_->remembers(id)) continue;
      index_.erase(names_[id]);
      used_[id] = false;
      free_.push_back(id);
    }
    collect_at_ = std::max(2 * known(), kFewIds);
  }

  std::unique_ptr<BlockCache> cache_;
  bool named_;
  std::vector<Handle> ids_;  // by the caller's handle; kNoHandle: not resident
  // By id.
  std::vector<Name> names_;
  std::vector<Handle> holders_;  // the caller's handle, while it is resident
  std::vector<bool> used_;
  std::vector<Handle> free_;
  HandleIndex<Name> index_;
  std::size_t collect_at_ = kFewIds;
  std::vector<Handle> request_ids_, victim_ids_;  // of admit, kept for their memory
};

}  // namespace kv
