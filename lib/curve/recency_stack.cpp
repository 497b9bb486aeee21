#include "curve/recency_stack.hpp"

namespace kv {

namespace {
// Slots a block: numbering anew costs a step a block, once in (kRoom - 1) times as many touches.
constexpr std::size_t kRoom = 4;
constexpr std::size_t kLeastRoom = std::size_t{1} << 12;
}  // namespace

RecencyStack::RecencyStack(std::size_t max_blocks)
    : slots_(max_blocks, kNone), dead_(kRoom * max_blocks + kLeastRoom) {}

void RecencyStack::erase(DenseId block) {
  assert(contains(block));
  dead_.kill(slots_[block], 1);
  slots_[block] = kNone;
  --size_;
}

// The tail gets the lowest of the new slots, the head the highest.
void RecencyStack::push(std::span<const DenseId> blocks) {
  assert(blocks.size() <= slots_.size());
  if (next_ + blocks.size() > dead_.size()) {
    for (const DenseId block : blocks) slots_[block] = kNone;  // their slots are dead
    dead_.compact(slots_, kNone);
    next_ = size_ - blocks.size();
  }
  next_ += blocks.size();
  auto slot = static_cast<Slot>(next_);
  for (const DenseId block : blocks) slots_[block] = --slot;
}

}  // namespace kv
