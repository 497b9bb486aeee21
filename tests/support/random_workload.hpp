#pragma once
#include <rapidcheck.h>

#include <chrono>
#include <vector>

#include "base/random.hpp"
#include "workload/workload.hpp"

namespace kv::test {

/// A random forest of prompts: requests walk down known blocks for a while and then go on with new ones, in blocks of
/// 16 tokens. Small enough to be simulated slowly, varied enough to hit every rule.
inline Workload random_workload(std::uint64_t seed, std::size_t requests = 60) {
  Random random(seed);
  WorkloadBuilder builder(Tokens(16));
  std::vector<std::vector<BlockId>> prompts;
  BlockId next = 0;
  const std::uint64_t longest = 1 + random.below(12), fresh_share = 1 + random.below(4);
  auto at = std::chrono::seconds(0);
  for (std::size_t i = 0; i < requests; ++i) {
    std::vector<BlockId> blocks;
    if (!prompts.empty() && random.below(4) >= fresh_share / 2) {
      const auto& before = prompts[random.below(prompts.size())];
      blocks.assign(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(1 + random.below(before.size())));
    }
    const std::uint64_t more = random.below(longest) + (blocks.empty() ? 1 : 0);
    for (std::uint64_t k = 0; k < more; ++k) blocks.push_back(next++);
    // A prompt that repeats one exactly has its length, too; a last block of its own may be short.
    const std::uint64_t lacking = more > 0 && random.below(2) == 0 ? random.below(16) : 0;
    const auto added = builder.add(at, Tokens(blocks.size() * 16 - lacking), Tokens(1 + random.below(50)), blocks);
    if (added) prompts.push_back(blocks);
    at += std::chrono::seconds(random.below(20));
  }
  return std::move(builder).build(Tokens(16));
}

}  // namespace kv::test
