#include "workload/distinct.hpp"

#include <algorithm>
#include <bit>

#include "base/random.hpp"

namespace kv {

DistinctCount::DistinctCount(std::size_t max_kept) : max_kept_(std::max<std::size_t>(max_kept, 2)), slots_(1024, 0) {}

void DistinctCount::add(std::uint64_t value) {
  const std::uint64_t hash = std::max<std::uint64_t>(mix64(value), 1);
  if (static_cast<unsigned>(std::countl_zero(hash)) < shift_) return;
  insert(hash);
  while (kept_ > max_kept_ && shift_ < 63) {
    ++shift_;
    rebuild(slots_.size());
  }
  if (2 * kept_ > slots_.size()) rebuild(2 * slots_.size());
}

void DistinctCount::insert(std::uint64_t hash) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = hash & mask;  // the low bits: the high ones are alike once the threshold has fallen
  while (slots_[i] != 0 && slots_[i] != hash) i = (i + 1) & mask;
  if (slots_[i] == hash) return;
  slots_[i] = hash;
  ++kept_;
}

void DistinctCount::rebuild(std::size_t slots) {
  std::vector<std::uint64_t> old(slots, 0);
  old.swap(slots_);
  kept_ = 0;
  for (const std::uint64_t hash : old) {
    if (hash != 0 && static_cast<unsigned>(std::countl_zero(hash)) >= shift_) insert(hash);
  }
}

std::uint64_t DistinctCount::count() const { return static_cast<std::uint64_t>(kept_) << shift_; }

}  // namespace kv
