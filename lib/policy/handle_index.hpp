#pragma once
#include <vector>

#include "base/random.hpp"
#include "policy/policy.hpp"

namespace kv {

/// Name -> handle in one flat table: linear probing, at most 2/3 full, deletion by shifting back (Knuth, vol. 3, 6.4,
/// algorithm R), so that it allocates only when it grows. A Key has two numbers, `space` and `block`, and ==. Not
/// thread-safe; 24 bytes a slot.
template <class Key>
class HandleIndex {
 public:
  HandleIndex() : slots_(64) {}

  /// kNoHandle if the key is not there.
  Handle find(const Key& key) const { return slots_[probe(key)].handle; }
  /// The key must not be there.
  void insert(const Key& key, Handle handle) {
    if ((count_ + 1) * 3 > slots_.size() * 2) grow();
    slots_[probe(key)] = {key, handle};
    ++count_;
  }
  /// The key must be there.
  void erase(const Key& key) {
    std::size_t hole = probe(key);
    for (std::size_t next = after(hole); slots_[next].handle != kNoHandle; next = after(next)) {
      const std::size_t home = start(slots_[next].key);
      // Whoever would be found from `home` on only by passing the hole moves into it.
      if (((next - home) & mask()) >= ((next - hole) & mask())) {
        slots_[hole] = slots_[next];
        hole = next;
      }
    }
    slots_[hole] = {};
    --count_;
  }

 private:
  struct Slot {
    Key key;
    Handle handle = kNoHandle;
  };
  std::size_t mask() const { return slots_.size() - 1; }
  std::size_t start(const Key& key) const { return mix64(key.space, key.block) & mask(); }
  std::size_t after(std::size_t slot) const { return (slot + 1) & mask(); }
  /// The slot of the key, or the free one where it would go.
  std::size_t probe(const Key& key) const {
    std::size_t slot = start(key);
    while (slots_[slot].handle != kNoHandle && !(slots_[slot].key == key)) slot = after(slot);
    return slot;
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.handle != kNoHandle) slots_[probe(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;  // a power of two of them
  std::size_t count_ = 0;
};

}  // namespace kv
