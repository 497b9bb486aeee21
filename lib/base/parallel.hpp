#pragma once
#include <cstddef>
#include <functional>

namespace kv {

/// Calls work(0) ... work(count - 1), each once, on up to `threads` threads (0: one a core), the caller's among them,
/// in no order. Returns when all are done. `work` must not throw.
void run_parallel(std::size_t count, unsigned threads, const std::function<void(std::size_t)>& work);

}  // namespace kv
