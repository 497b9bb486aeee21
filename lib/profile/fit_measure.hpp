#pragma once
#include <cstdint>
#include <vector>

#include "workload/workload.hpp"

namespace kv {

/// What one request found in a cache that never evicts.
struct RequestReuse {
  std::uint32_t blocks = 0, hits = 0;
  std::uint32_t distance = 0;  ///< position of its deepest hit block in the LRU stack, from 1; 0 without a hit
  std::uint32_t left = 0;      ///< blocks deeper than that which the prompt it was found in had, and has not lost since
};

/// Hit blocks `from`..`to` of the stack, of one request.
struct ReuseRun {
  std::uint32_t request, from, to;
};

struct Reuse {
  std::vector<RequestReuse> requests;
  std::vector<ReuseRun> runs;  ///< all hits, in order of arrival
};

/// Exact LRU stack distances of every hit (RecencyStack).
Reuse measure_reuse(const Workload& workload);

}  // namespace kv
