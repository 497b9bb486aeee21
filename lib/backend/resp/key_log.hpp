#pragma once
#include <algorithm>
#include <tuple>
#include <vector>

#include "backend/backend.hpp"

namespace kv::resp {

/// The blocks that one session has written, 16 bytes each; repeats are removed whenever the log has doubled.
class KeyLog {
 public:
  void add(const Key& key) {
    if (!keys_.empty() && keys_.back() == key) return;
    keys_.push_back(key);
    if (keys_.size() >= compact_at_) {
      compact();
      compact_at_ = std::max(kFirstCompaction, 2 * keys_.size());
    }
  }

  /// Without repeats.
  const std::vector<Key>& keys() {
    compact();
    return keys_;
  }

  void clear() {
    keys_.clear();
    compact_at_ = kFirstCompaction;
  }

 private:
  static constexpr std::size_t kFirstCompaction = 1 << 12;

  void compact() {
    std::sort(keys_.begin(), keys_.end(),
              [](const Key& a, const Key& b) { return std::tie(a.space, a.block) < std::tie(b.space, b.block); });
    keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
  }

  std::vector<Key> keys_;
  std::size_t compact_at_ = kFirstCompaction;
};

}  // namespace kv::resp
