#pragma once
#include <array>
#include <string>

#include "base/result.hpp"
#include "torch/abi.h"

namespace kv {

/// Finds and loads the LibTorch module once a process, on first use: $KVKIT_TORCH_MODULE alone if set, else next to
/// the program (../lib/kvkit), else where it was installed. Fails (unavailable) with every place tried and how to get
/// it; a failure is remembered, too. Thread-safe. The module stays loaded until the process ends.
Result<const KvTorchModule*> torch_module();

/// Has LibTorch's threads sleep, not spin, while they wait (OMP_WAIT_POLICY=passive, unless the user chose): spinning
/// OpenMP threads take the cores from OpenBLAS's, and two threads then compute four times slower than two that sleep
/// (docs/performance.md). OpenMP reads the environment when it is loaded: call this at the start of a program, before
/// other threads and before torch_module().
void let_torch_threads_sleep();

/// One attempt at one file: loads it and checks that it speaks our version of the border.
Result<const KvTorchModule*> load_torch_module(const std::string& path);

/// What a call across the border says when it fails: pass data() and size(), read text() if the call returned not 0.
class TorchMessage {
 public:
  char* data() { return buffer_.data(); }
  static constexpr std::size_t size() { return 500; }
  std::string text() const { return "LibTorch: " + std::string(buffer_.data()); }

 private:
  std::array<char, 500> buffer_{};
};

}  // namespace kv
