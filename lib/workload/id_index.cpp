#include "workload/id_index.hpp"

#include <algorithm>

#include "base/random.hpp"

namespace kv {

namespace {
/// The direct table may be this many times longer than there are ids (and a little, to begin with), so that no choice
/// of ids makes it grow without bound.
constexpr std::size_t kSparsest = 4, kFirst = 4096;
}  // namespace

void IdIndex::insert(BlockId id, Known known) {
  ++size_;
  if (id >= direct_.size()) {
    const std::size_t limit = kSparsest * size_ + kFirst;
    if (id >= limit) return insert_hashed(id, known);
    direct_.resize(std::min<std::size_t>(limit, id + kFirst));
  }
  direct_[id] = known;
}

void IdIndex::prefetch(std::span<const BlockId> ids) const {
  for (const BlockId id : ids) {
    if (id < direct_.size()) {
      __builtin_prefetch(&direct_[id]);
    } else if (hashed_ != 0) {
      __builtin_prefetch(&slots_[mix64(id) & (slots_.size() - 1)]);
    }
  }
}

IdIndex::Known IdIndex::find_hashed(BlockId id) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = mix64(id) & mask;; i = (i + 1) & mask) {
    if (slots_[i].known.dense == kNone || slots_[i].id == id) return slots_[i].known;
  }
}

void IdIndex::insert_hashed(BlockId id, Known known) {
  if (8 * (hashed_ + 1) > 5 * slots_.size()) grow_hashed();
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = mix64(id) & mask;
  while (slots_[i].known.dense != kNone) i = (i + 1) & mask;
  slots_[i] = {id, known};
  ++hashed_;
}

void IdIndex::grow_hashed() {
  LargeVector<Slot> old(std::max<std::size_t>(2 * slots_.size(), 1024), Slot{0, {}});
  old.swap(slots_);
  hashed_ = 0;
  for (const Slot& slot : old) {
    if (slot.known.dense != kNone) insert_hashed(slot.id, slot.known);
  }
}

}  // namespace kv
