#pragma once
#include <vector>

#include "policy/policy.hpp"

namespace kv {

/// A queue from oldest to newest: LRU where a touch moves a block to the young end, FIFO where it does not.
/// All operations O(1); 8 bytes a handle.
class QueuePolicy final : public Policy {
 public:
  explicit QueuePolicy(bool move_on_touch) : move_on_touch_(move_on_touch) {}
  void insert(Handle block) override;
  void touch(Handle block) override;
  void erase(Handle block) override;
  Handle first_victim() const override { return oldest_; }
  Handle next_victim(Handle block) const override { return links_[block].newer; }

 private:
  struct Links {
    Handle older = kNoHandle, newer = kNoHandle;
  };
  bool move_on_touch_;
  Handle oldest_ = kNoHandle, newest_ = kNoHandle;
  std::vector<Links> links_;
};

}  // namespace kv
