#pragma once
#include <string>

#include "base/result.hpp"
#include "torch/abi.h"

namespace kv {

/// Finds and loads the LibTorch module once a process, on first use: $KVKIT_TORCH_MODULE if set, else next to the
/// program (../lib/kvkit), else where it was installed. Fails (unavailable) with every place tried and how to get it.
/// Thread-safe.
Result<const KvTorchModule*> torch_module();

}  // namespace kv
