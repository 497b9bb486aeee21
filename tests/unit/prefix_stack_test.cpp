#include "profile/prefix_stack.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "base/random.hpp"
#include "profile/fit_measure.hpp"
#include "profile/prompt_tree.hpp"
#include "support/random_workload.hpp"

using namespace kv;

namespace {

/// The stack as a list of blocks, and a request's hits in it: the definition.
struct NaiveStack {
  std::vector<BlockId> blocks;  // the top first
  /// Positions of the leading known blocks, from 1; then puts the request's blocks on top.
  std::vector<std::uint32_t> serve(const std::vector<BlockId>& prompt) {
    std::vector<std::uint32_t> found;
    for (const BlockId id : prompt) {
      const auto at = std::find(blocks.begin(), blocks.end(), id);
      if (at == blocks.end()) break;
      found.push_back(static_cast<std::uint32_t>(at - blocks.begin()) + 1);
    }
    for (const BlockId id : prompt) std::erase(blocks, id);
    blocks.insert(blocks.begin(), prompt.begin(), prompt.end());
    return found;
  }
};

/// Positions of a path's blocks down to `depth`, as tree and stack have them.
std::vector<std::uint32_t> positions(const PromptTree& tree, const PrefixStack& stack, std::uint32_t run,
                                     std::uint32_t depth) {
  std::vector<std::uint32_t> out(depth);
  tree.owners(run, depth, [&](std::uint32_t owner, std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t d = from; d <= to; ++d) out[d - 1] = stack.position(owner, d);
  });
  return out;
}

}  // namespace

TEST_SUITE("prefix stack") {
  TEST_CASE("a shared prefix leaves its owner's tail where it was") {
    PrefixStack stack(4);
    CHECK(stack.push(5, 5) == 0);
    stack.take(0, 2);
    CHECK(stack.push(3, 3) == 1);  // two blocks of 0, one of its own
    CHECK(stack.blocks() == 6);
    CHECK(stack.position(1, 3) == 3);
    CHECK(stack.position(0, 3) == 4);
    CHECK(stack.position(0, 5) == 6);
    CHECK(stack.owner_at(3) == 1);
    CHECK(stack.owner_at(4) == 0);
    CHECK(stack.older(1, 4) == 0U);            // 1 is not as deep
    CHECK(stack.older(0, 2) == std::nullopt);  // taken by 1
    CHECK(stack.newer(0, 2) == 1U);
    CHECK(stack.newer(0, 6) == std::nullopt);
  }

  TEST_CASE("trees and stacks kept by request say where each block of a list of blocks stands") {
    rc::check([](std::uint64_t seed) {
      Random random(seed);
      const std::uint32_t requests = 40;
      PromptTree tree;
      PrefixStack stack(requests);
      NaiveStack naive;
      std::vector<std::uint32_t> tails, lengths;
      for (std::uint32_t me = 0; me < requests; ++me) {
        std::uint32_t tail = PromptTree::kRoot, depth = 0;
        if (me > 0 && random.below(4) != 0) {
          const auto from = static_cast<std::uint32_t>(random.below(me));
          depth = 1 + static_cast<std::uint32_t>(random.below(lengths[from]));
          tail = tree.at_depth(tails[from], depth);
        }
        const std::uint32_t blocks = depth + static_cast<std::uint32_t>(random.below(5)) + (depth == 0 ? 1 : 0);
        const auto before = depth == 0 ? std::vector<std::uint32_t>() : positions(tree, stack, tail, depth);
        if (depth > 0) tree.touch(tail, depth, me, stack);
        if (blocks > depth) tail = tree.add(tail, depth + 1, blocks, me);
        stack.push(blocks, blocks);
        tails.push_back(tail);
        lengths.push_back(blocks);
        std::vector<BlockId> ids;
        tree.ids(tail, blocks, ids);
        RC_ASSERT(naive.serve(ids) == before);
        RC_ASSERT(stack.blocks() == naive.blocks.size());
        RC_ASSERT(tree.blocks() == naive.blocks.size());
      }
    });
  }

  TEST_CASE("reuse that is measured by request is that of the list of blocks") {
    rc::check([](std::uint64_t seed) {
      const Workload workload = test::random_workload(seed);
      const Reuse reuse = measure_reuse(workload);
      NaiveStack naive;
      std::size_t run = 0;
      for (std::uint32_t r = 0; r < workload.size(); ++r) {
        const Request request = workload[r];
        const auto found = naive.serve({request.blocks.begin(), request.blocks.end()});
        std::vector<std::uint32_t> measured;
        for (; run < reuse.runs.size() && reuse.runs[run].request == r; ++run) {
          for (std::uint32_t d = reuse.runs[run].from; d <= reuse.runs[run].to; ++d) measured.push_back(d);
        }
        RC_ASSERT(measured == found);
        RC_ASSERT(reuse.requests[r].hits == found.size());
        RC_ASSERT(reuse.requests[r].distance == (found.empty() ? 0U : found.back()));
        RC_ASSERT(reuse.requests[r].blocks == request.blocks.size());
      }
    });
  }
}
