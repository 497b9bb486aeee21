#pragma once
#include <cstdint>
#include <vector>

#include "base/units.hpp"
#include "workload/workload.hpp"

namespace kv {

/// What the engine's own prefix cache in HBM serves: block LRU by the eviction protocol, requests in trace order, one
/// at a time. Returns the leading blocks hit, per request. It stands in front of every backend and is, alone, the
/// baseline; its contents do not depend on where a request's KV came from, so one pass serves both.
std::vector<std::uint32_t> engine_hits(const Workload& workload, Blocks capacity);

}  // namespace kv
