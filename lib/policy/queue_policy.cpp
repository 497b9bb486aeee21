#include "policy/queue_policy.hpp"

#include <algorithm>

namespace kv {

void QueuePolicy::insert(Handle block) {
  if (block >= links_.size()) links_.resize(std::max<std::size_t>(block + 1, links_.size() * 2));
  links_[block] = {newest_, kNoHandle};
  (newest_ == kNoHandle ? oldest_ : links_[newest_].newer) = block;
  newest_ = block;
}

void QueuePolicy::touch(Handle block) {
  if (!move_on_touch_ || block == newest_) return;
  erase(block);
  insert(block);
}

void QueuePolicy::erase(Handle block) {
  const Links links = links_[block];
  (links.older == kNoHandle ? oldest_ : links_[links.older].newer) = links.newer;
  (links.newer == kNoHandle ? newest_ : links_[links.newer].older) = links.older;
}

}  // namespace kv
