#include "backend/block_directory.hpp"

#include <algorithm>
#include <cassert>

namespace kv {

using State = BlockEntry::State;

BlockDirectory::BlockDirectory(const ArenaLayout& layout, const PolicyRow& policy, std::uint32_t admit)
    : layout_(layout), cache_(policy, {.capacity = layout.capacity, .admit = admit}), heap_(layout.granules) {}

void BlockDirectory::acquire(std::span<const BlockRef> blocks, Lease& lease) {
  lease.blocks.assign(blocks.begin(), blocks.end());
  lease.present.assign(blocks.size(), false);
  lease.handles.assign(blocks.size(), kNoHandle);
  lease.state.assign(blocks.size(), 0);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const Handle handle = index_.find(blocks[i].key);
    if (handle == kNoHandle || entries_[handle]->state != State::complete) continue;
    cache_.pin(handle);
    ++entries_[handle]->holders;
    lease.present[i] = true;
    lease.handles[i] = handle;
    lease.state[i] = kHeld;
  }
  const auto hole = std::find(lease.present.begin(), lease.present.end(), false);
  lease.leading = static_cast<std::size_t>(hole - lease.present.begin());
}

void BlockDirectory::admit(Lease& lease, std::vector<bool>& accepted) {
  accepted.assign(lease.blocks.size(), false);
  name_blocks(lease);
  victims_.clear();
  accepted_.resize(handles_.size());
  cache_.admit({handles_, weights_, pinned_, accepted_}, names_, victims_);
  for (const Handle victim : victims_) forget(victim);
  settle(lease, accepted);
}

/// Fills the scratch vectors: a handle for every block of the request, new ones named for the time being. A block that
/// stands in the request twice is taken at its first place.
void BlockDirectory::name_blocks(const Lease& lease) {
  position_.clear();
  handles_.clear();
  names_.clear();
  weights_.clear();
  pinned_.clear();
  for (std::size_t i = 0; i < lease.blocks.size(); ++i) {
    Handle handle = lease.handles[i];
    if (handle == kNoHandle) {
      handle = index_.find(lease.blocks[i].key);
      if (handle == kNoHandle) {
        handle = name(lease.blocks[i].key);
      } else if (entries_[handle]->state == State::named) {
        continue;
      }
    }
    position_.push_back(static_cast<std::uint32_t>(i));
    handles_.push_back(handle);
    names_.push_back(lease.blocks[i].key);
    weights_.push_back(layout_.weight_of(lease.blocks[i]));
    pinned_.push_back((lease.state[i] & kHeld) != 0);
  }
}

/// Takes over what the cache decided.
void BlockDirectory::settle(Lease& lease, std::vector<bool>& accepted) {
  for (std::size_t n = 0; n < position_.size(); ++n) {
    const std::size_t i = position_[n];
    if (!pinned_[n]) {
      forget(handles_[n]);
      continue;
    }
    if ((lease.state[i] & kHeld) != 0) continue;
    BlockEntry& entry = *entries_[handles_[n]];
    lease.handles[i] = handles_[n];
    lease.state[i] = kHeld;
    ++entry.holders;
    if (!accepted_[n]) continue;
    entry.state = State::pending;
    entry.max_granules = layout_.granules_of(lease.blocks[i]);
    lease.state[i] |= kWanted;
    accepted[i] = true;
  }
}

void BlockDirectory::finish(Lease& lease) {
  for (std::size_t i = 0; i < lease.blocks.size(); ++i) {
    if ((lease.state[i] & kHeld) == 0) continue;
    const Handle handle = lease.handles[i];
    BlockEntry& entry = *entries_[handle];
    if ((lease.state[i] & kWanted) != 0 && entry.state == State::pending) entry.state = State::abandoned;
    cache_.unpin(handle);
    if (--entry.holders == 0 && entry.state == State::abandoned) {
      cache_.drop(handle);
      forget(handle);
    }
  }
  lease.state.assign(lease.blocks.size(), 0);
}

const BlockEntry* BlockDirectory::readable(const Lease& lease, std::size_t index) const {
  return index < lease.blocks.size() && lease.present[index] && (lease.state[index] & kHeld) != 0
             ? entries_[lease.handles[index]].get()
             : nullptr;
}

BlockEntry* BlockDirectory::writable(const Lease& lease, std::size_t index) {
  if (index >= lease.blocks.size() || (lease.state[index] & kWanted) == 0) return nullptr;
  BlockEntry* entry = entries_[lease.handles[index]].get();
  return entry->state == State::pending ? entry : nullptr;
}

StoredPart* BlockDirectory::begin_part(BlockEntry& entry, std::uint32_t part, std::size_t body_bytes) {
  if (part >= entry.parts.size() || entry.parts[part].begun) return nullptr;
  const std::size_t room = entry.max_granules - entry.granules.size();
  const std::size_t first = entry.granules.size();
  const auto need = ceil_div(body_bytes, layout_.granule_bytes);
  if (need > room || !heap_.take(need, entry.granules)) return nullptr;
  StoredPart& stored = entry.parts[part];
  stored.begun = true;
  stored.body_bytes = body_bytes;
  stored.first_granule = first;
  return &stored;
}

void BlockDirectory::end_part(BlockEntry& entry) {
  if (++entry.parts_stored < entry.parts.size()) return;
  entry.state = State::complete;
  ++insertions_;
}

Handle BlockDirectory::name(const Key& key) {
  if (vacant_.empty()) {
    vacant_.push_back(static_cast<Handle>(entries_.size()));
    entries_.push_back(std::make_unique<BlockEntry>());
    entries_.back()->parts.resize(layout_.parts);
  }
  const Handle handle = vacant_.back();
  vacant_.pop_back();
  entries_[handle]->key = key;
  entries_[handle]->state = State::named;
  index_.insert(key, handle);
  return handle;
}

void BlockDirectory::forget(Handle handle) {
  BlockEntry& entry = *entries_[handle];
  assert(entry.holders == 0);
  index_.erase(entry.key);
  heap_.give_back(entry.granules);
  entry.granules.clear();
  for (StoredPart& part : entry.parts) part.begun = false;
  entry.parts_stored = 0;
  entry.state = State::vacant;
  vacant_.push_back(handle);
}

}  // namespace kv
