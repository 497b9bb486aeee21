#include "profile/prefix_stack.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace kv {
namespace {

// Subtrees that seem to hold an owner of a depth and do not (one leaf is deep, another untaken) are entered in vain;
// this bounds how often.
constexpr int kVisits = 256;

}  // namespace

PrefixStack::PrefixStack(std::uint32_t max_requests)
    : leaves_(std::bit_ceil(std::max(max_requests, 1U))), nodes_(std::size_t{leaves_} * 2), taken_(max_requests) {}

std::uint32_t PrefixStack::push(std::uint32_t blocks, std::uint32_t reusable) {
  assert(size_ < taken_.size() && reusable <= blocks);
  const std::uint32_t request = size_++;
  nodes_[leaves_ + request] = {blocks, reusable, reusable == 0 ? UINT32_MAX : 0};
  update(request);
  return request;
}

void PrefixStack::take(std::uint32_t owner, std::uint32_t depth) {
  Node& leaf = nodes_[leaves_ + owner];
  assert(depth > taken_[owner] && depth - taken_[owner] <= leaf.owned);
  leaf.owned -= depth - taken_[owner];
  taken_[owner] = depth;
  const bool shared = depth < leaf.deepest;
  leaf.shallowest = shared ? depth : UINT32_MAX;
  if (!shared) leaf.deepest = 0;
  update(owner);
}

void PrefixStack::update(std::uint32_t owner) {
  for (std::size_t at = (std::size_t{leaves_} + owner) / 2; at > 0; at /= 2) {
    const Node &left = nodes_[2 * at], &right = nodes_[2 * at + 1];
    nodes_[at] = {left.owned + right.owned, std::max(left.deepest, right.deepest),
                  std::min(left.shallowest, right.shallowest)};
  }
}

std::uint32_t PrefixStack::above(std::uint32_t owner) const {
  std::uint32_t sum = 0;
  for (std::size_t at = std::size_t{leaves_} + owner; at > 1; at /= 2) {
    if (at % 2 == 0) sum += nodes_[at + 1].owned;
  }
  return sum;
}

std::uint32_t PrefixStack::owner_at(std::uint32_t position) const {
  assert(position >= 1 && position <= blocks());
  std::size_t at = 1;
  while (at < leaves_) {
    const std::uint32_t later = nodes_[2 * at + 1].owned;
    at = 2 * at + 1;
    if (position > later) {
      position -= later;
      --at;
    }
  }
  return static_cast<std::uint32_t>(at - leaves_);
}

std::optional<std::uint32_t> PrefixStack::older(std::uint32_t from, std::uint32_t depth) const {
  std::size_t at = std::size_t{leaves_} + from;
  for (int visits = 0; visits < kVisits; ++visits) {
    if (may_own(nodes_[at], depth)) {
      if (at >= leaves_) return static_cast<std::uint32_t>(at - leaves_);
      at = 2 * at + 1;
      continue;
    }
    while (at % 2 == 0) at /= 2;  // a left child: what is older lies left of an ancestor
    if (at == 1) return std::nullopt;
    --at;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> PrefixStack::newer(std::uint32_t from, std::uint32_t depth) const {
  std::size_t at = std::size_t{leaves_} + from;
  for (int visits = 0; visits < kVisits; ++visits) {
    if (may_own(nodes_[at], depth)) {
      if (at >= leaves_) return static_cast<std::uint32_t>(at - leaves_);
      at = 2 * at;
      continue;
    }
    while (at > 1 && at % 2 == 1) at /= 2;
    if (at <= 1) return std::nullopt;
    ++at;
  }
  return std::nullopt;
}

}  // namespace kv
