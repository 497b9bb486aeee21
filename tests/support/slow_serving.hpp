#pragma once
#include <vector>

#include "sim/serving.hpp"

namespace kv::test {

/// simulate_serving(), every step of every engine done one by one, as naively as possible. What was served, by index;
/// a request that was refused has an instance of UINT32_MAX.
std::vector<ServedRequest> slow_serving(const ServingOptions& options, const Prefill& prefill,
                                        const std::vector<ServingRequest>& requests);

}  // namespace kv::test
