#pragma once
#include <vector>

#include "plan/rent.hpp"
#include "workload/workload.hpp"

namespace kv {

/// Every use of a block that was used before, of all requests: how long after its last use, how deep in the prompt.
struct WorkloadReuse {
  std::vector<ReuseBin> bins;
  double last_uses = 0;  ///< unique blocks
};
/// Binned by eighths of a power of two of the interval and quarters of one of the depth, each bin at the mean of what
/// is in it. One pass; 8 bytes a unique block and 2 MB.
WorkloadReuse reuse_of_blocks(const Workload& workload);

}  // namespace kv
