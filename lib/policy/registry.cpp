#include <array>

#include "policy/policy.hpp"
#include "policy/queue_policy.hpp"

namespace kv {
namespace {

template <bool kMoveOnTouch>
std::unique_ptr<Policy> make_queue() {
  return std::make_unique<QueuePolicy>(kMoveOnTouch);
}

}  // namespace

std::span<const PolicyRow> policies() {
  static const std::array rows{
      PolicyRow{"lru", "the block that was used longest ago leaves first", make_queue<true>},
      PolicyRow{"fifo", "the block that was stored longest ago leaves first", make_queue<false>},
  };
  return rows;
}

const PolicyRow* find_policy(const std::string& name) {
  for (const PolicyRow& row : policies()) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

std::string policy_names() {
  std::string names;
  for (const PolicyRow& row : policies()) names += (names.empty() ? "" : ", ") + row.name;
  return names;
}

}  // namespace kv
