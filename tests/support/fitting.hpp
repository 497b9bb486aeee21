#pragma once
#include <doctest/doctest.h>

#include <vector>

#include "profile/fit.hpp"
#include "workload/workload.hpp"

namespace kv::test {

inline FittedProfile fit(const Workload& workload) {
  auto profile = fit_profile(workload);
  if (!profile) FAIL(profile.error().message);
  return std::move(*profile);
}

/// Requests at times and of prompts that a test gives.
class Trace {
 public:
  explicit Trace(std::uint64_t block_size) : block_size_(block_size), builder_(Tokens(block_size)) {}
  /// `shared` and then fresh blocks, as many as `input` needs.
  std::vector<BlockId> add(std::uint64_t at_ms, std::uint64_t input, std::uint64_t output,
                           std::vector<BlockId> shared = {}) {
    while (shared.size() < ceil_div(input, block_size_)) shared.push_back(1'000'003 * ++ids_);
    REQUIRE(builder_.add(std::chrono::milliseconds(at_ms), Tokens(input), Tokens(output), shared));
    return shared;
  }
  Workload done() { return std::move(builder_).build(Tokens(block_size_)); }

 private:
  std::uint64_t block_size_, ids_ = 0;
  WorkloadBuilder builder_;
};

}  // namespace kv::test
