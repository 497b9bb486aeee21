#include "curve/lru_curve.hpp"

#include <algorithm>

namespace kv {

LruCurve::LruCurve(std::size_t max_blocks) : stack_(max_blocks), places_(max_blocks + 2) {}

void LruCurve::add(const Request& request, Tokens block_size) {
  const std::size_t count = request.blocks.size();
  block_size_ = block_size;
  if (count >= sizes_.size()) sizes_.resize(count + 1);
  ++sizes_[count];
  const std::uint64_t lacking = block_size.count() * count - request.input.count();
  stack_.touch(request.blocks, [&](const RecencyStack::Run& run) {
    note({run.position, run.count, run.index + run.count == count ? lacking : 0, run.index == 0});
  });
}

void LruCurve::note(const Found& found) {
  Found& oldest = pending_[noted_++ % kPending];
  if (oldest.count > 0) this->count(oldest);
  oldest = found;
  __builtin_prefetch(&places_[found.position], 1);
}

void LruCurve::count(const Found& found) {
  Place& place = places_[found.position];
  ++place.blocks;
  place.firsts += found.first;
  const std::uint64_t behind = found.position + found.count;
  --places_[behind].blocks;
  if (found.lacking > 0) places_[behind - 1].lacking += found.lacking;
  largest_ = std::max(largest_, behind - 1);
}

void LruCurve::finish() {
  for (Found& found : pending_) {
    if (found.count > 0) count(found);
    found = {};
  }
  std::uint64_t here = 0;
  Place sum;
  for (Place& place : places_) {
    here += place.blocks;
    sum = {sum.blocks + here, sum.lacking + place.lacking, sum.firsts + place.firsts};
    place = sum;
  }
  refs_within_.assign(std::max<std::size_t>(sizes_.size(), 1), 0);
  std::uint64_t at_least = 0;
  for (const std::uint64_t requests : sizes_) at_least += requests;
  for (std::size_t capacity = 1; capacity < refs_within_.size(); ++capacity) {
    at_least -= sizes_[capacity - 1];
    refs_within_[capacity] = refs_within_[capacity - 1] + at_least;
  }
}

CacheHits LruCurve::at(Blocks capacity) const {
  const std::uint64_t at = std::min<std::uint64_t>(capacity.count(), places_.size() - 1);
  const Place& place = places_[at];
  CacheHits hits;
  hits.requests_with_hit = place.firsts;
  hits.block_hits = place.blocks;
  hits.token_hits = place.blocks * block_size_.count() - place.lacking;
  hits.insertions = refs_within_[std::min<std::uint64_t>(capacity.count(), refs_within_.size() - 1)] - hits.block_hits;
  hits.evictions = hits.insertions - std::min(capacity.count(), unique_blocks());
  return hits;
}

LruCurve lru_curve(const Workload& workload) {
  constexpr std::size_t kFar = 16, kNear = 8;  // requests ahead, as memory takes about as long as so many
  LruCurve curve(workload.unique_blocks());
  for (std::size_t i = 0; i < workload.size(); ++i) {
    if (i + kFar < workload.size()) curve.prefetch(workload[i + kFar]);
    if (i + kNear < workload.size()) curve.prefetch_bits(workload[i + kNear]);
    curve.add(workload[i], workload.block_size());
  }
  curve.finish();
  return curve;
}

}  // namespace kv
