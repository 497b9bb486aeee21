#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace kv {

/// A dense index that stands for a block; what it is dense over (a trace's ids, an arena's entries) is the caller's.
using Handle = std::uint32_t;
inline constexpr Handle kNoHandle = ~Handle{0};

/// The order in which blocks leave. Pure data structure: knows nothing of bytes, pins or time.
class Policy {
 public:
  virtual ~Policy() = default;
  virtual void insert(Handle block) = 0;
  virtual void touch(Handle block) = 0;
  virtual void erase(Handle block) = 0;
  /// The first block in eviction order, and the one after `block`; kNoHandle at the end.
  virtual Handle first_victim() const = 0;
  virtual Handle next_victim(Handle block) const = 0;
};

struct PolicyRow {
  std::string name, summary;
  std::unique_ptr<Policy> (*make)();
};
std::span<const PolicyRow> policies();
const PolicyRow* find_policy(const std::string& name);
/// "lru, fifo": for messages and option help.
std::string policy_names();

}  // namespace kv
