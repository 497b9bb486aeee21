#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace kv {

class BlockCache;

/// A dense index that stands for a block; what it is dense over (a trace's ids, an arena's entries) is the caller's.
using Handle = std::uint32_t;
inline constexpr Handle kNoHandle = ~Handle{0};

/// What a cache is made for.
struct CacheOptions {
  std::uint64_t capacity = 0;  ///< in units of the caller's choice: the sum of the weights that may be resident
  /// Admission: a block is stored at its K-th use, whoever used it before; 1 (or 0) to kMostAdmit.
  std::uint32_t admit = 1;
  Handle handles = 0;  ///< room for so many from the start; more may come
  std::optional<Duration> fixed_ttl = std::nullopt,
                          sliding_ttl = std::nullopt;  ///< see BlockCache::serve
};
inline constexpr std::uint32_t kMostAdmit = 255;

/// One eviction policy, for local:, device:, the simulation and the documents alike.
struct PolicyRow {
  std::string name, summary;
  std::string source;      ///< who described it
  bool remembers = false;  ///< blocks that left: handles must then stand for the same block forever (see NamedCache)
  /// Null: clairvoyant, for simulation alone (curve/simulate.hpp).
  std::unique_ptr<BlockCache> (*make)(const CacheOptions&) = nullptr;

  bool online() const { return make != nullptr; }
};

std::span<const PolicyRow> policies();
const PolicyRow* find_policy(const std::string& name);
/// "lru, fifo, ...", for messages and option help: those that can serve a backend.
std::string policy_names();

}  // namespace kv
