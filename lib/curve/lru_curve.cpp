#include "curve/lru_curve.hpp"

#include <algorithm>

namespace kv {

LruCurve::LruCurve(std::size_t max_blocks) : stack_(max_blocks), places_(max_blocks + 2) {}

inline void LruCurve::count(const Found& found) {
  Place& place = places_[found.position];
  ++place.more;
  place.firsts += found.first;
  const std::uint64_t behind = found.position + found.count;
  --places_[behind].more;
  if (found.lacking > 0) places_[behind - 1].lacking += found.lacking;
  largest_ = std::max(largest_, behind - 1);
}

inline void LruCurve::note(const Found& found) {
  Found& oldest = pending_[noted_++ % kPending];
  if (oldest.count > 0) this->count(oldest);
  oldest = found;
  __builtin_prefetch(&places_[found.position], 1);
}

void LruCurve::add(std::span<const DenseId> blocks, Tokens input, Tokens block_size) {
  const std::size_t count = blocks.size();
  block_size_ = block_size;
  if (count >= sizes_.size()) sizes_.resize(count + 1);
  ++sizes_[count];
  refs_ += count;
  const std::uint64_t lacking = block_size.count() * count - input.count();
  stack_.touch(blocks, [&](const RecencyStack::Run& run) {
    note({run.position, run.count, run.index + run.count == count ? lacking : 0, run.index == 0});
  });
}

void LruCurve::finish() {
  for (Found& found : pending_) {
    if (found.count > 0) count(found);
    found = {};
  }
  Sum sum;
  sums_.reserve(places_.size() / kPlacesPerSum + 1);
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (i % kPlacesPerSum == 0) sums_.push_back(sum);
    sum.add(places_[i]);
  }
  refs_within_.assign(std::max<std::size_t>(sizes_.size(), 1), 0);
  std::uint64_t at_least = 0;
  for (const std::uint64_t requests : sizes_) at_least += requests;
  for (std::size_t capacity = 1; capacity < refs_within_.size(); ++capacity) {
    at_least -= sizes_[capacity - 1];
    refs_within_[capacity] = refs_within_[capacity - 1] + at_least;
  }
}

void LruCurve::Sum::add(const Place& place) {
  here += place.more;
  blocks += here;
  lacking += place.lacking;
  firsts += place.firsts;
}

SimulationResult LruCurve::at(Blocks capacity) const {
  const std::uint64_t at = std::min<std::uint64_t>(capacity.count(), places_.size() - 1);
  Sum sum = sums_[at / kPlacesPerSum];
  for (std::uint64_t i = at / kPlacesPerSum * kPlacesPerSum; i <= at; ++i) sum.add(places_[i]);
  SimulationResult hits;
  hits.requests_with_hit = sum.firsts;
  hits.block_hits = sum.blocks;
  hits.token_hits = sum.blocks * block_size_.count() - sum.lacking;
  hits.insertions = refs_within_[std::min<std::uint64_t>(capacity.count(), refs_within_.size() - 1)] - hits.block_hits;
  hits.unstored = refs_ - hits.block_hits - hits.insertions;
  hits.evictions = hits.insertions - std::min(capacity.count(), unique_blocks());
  return hits;
}

LruCurve lru_curve(const Workload& workload) {
  constexpr std::size_t kFar = 16, kNear = 8;  // requests ahead, as memory takes about as long as so many
  LruCurve curve(workload.unique_blocks());
  for (std::size_t i = 0; i < workload.size(); ++i) {
    if (i + kFar < workload.size()) curve.prefetch(workload.blocks(i + kFar));
    if (i + kNear < workload.size()) curve.prefetch_slots(workload.blocks(i + kNear));
    curve.add(workload.blocks(i), workload.input(i), workload.block_size());
  }
  curve.finish();
  return curve;
}

}  // namespace kv
