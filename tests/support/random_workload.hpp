#pragma once
#include <rapidcheck.h>

#include <vector>

#include "base/random.hpp"
#include "workload/workload.hpp"

namespace kv::test {

struct RandomTree {
  std::size_t requests = 60;
  std::size_t depth = 10;    // new blocks a request, at most
  double reuse = 0.8;        // share of requests that begin with a path seen before
  std::uint64_t block = 16;  // tokens
};

/// Requests over a growing prefix tree: each goes down to some node seen before, recent ones more often, and on with
/// new blocks; the last block of a path that ends for good may be partial. Seconds apart, some at the same time.
inline Workload random_workload(std::uint64_t seed, const RandomTree& tree = {}) {
  struct Node {
    std::vector<BlockId> path;
    std::uint64_t input;
  };
  Random random(seed);
  std::vector<Node> nodes{{{}, 0}};  // full ones, which can go on; the root
  std::vector<Node> ended;           // partial ones, which can only come again
  WorkloadBuilder builder;
  Duration at{0};
  while (builder.size() < tree.requests) {
    at += std::chrono::seconds(random.below(4));
    if (!ended.empty() && random.uniform() < tree.reuse / 4) {
      const Node& again = ended[random.below(ended.size())];
      (void)builder.add(at, Tokens(again.input), Tokens(1), again.path);
      continue;
    }
    const std::size_t recent = std::min<std::size_t>(nodes.size(), random.uniform() < 0.5 ? 10 : nodes.size());
    Node node = random.uniform() < tree.reuse ? nodes[nodes.size() - 1 - random.below(recent)] : nodes[0];
    const std::size_t fresh = random.below(tree.depth + 1);
    for (std::size_t i = 0; i < fresh; ++i) {
      node.path.push_back(mix64(seed, nodes.size()));  // every node that is stepped through is in nodes, so a new name
      node.input += tree.block;
      if (i + 1 == fresh && random.uniform() < 0.3) {
        node.input -= random.below(tree.block);
        ended.push_back(node);
        node.path.back() = mix64(~seed, ended.size());
        ended.back().path = node.path;
      } else {
        nodes.push_back(node);
      }
    }
    if (node.path.empty()) continue;
    RC_ASSERT(builder.add(at, Tokens(node.input), Tokens(1), node.path).has_value());
  }
  return std::move(builder).build(Tokens(tree.block));
}

/// A property's argument: shrinks to fewer and shorter requests.
inline Workload any_workload() {
  RandomTree tree;
  tree.requests = *rc::gen::inRange<std::size_t>(1, 150);
  tree.depth = *rc::gen::inRange<std::size_t>(1, 14);
  tree.reuse = *rc::gen::element(0.3, 0.8, 0.95);
  return random_workload(*rc::gen::arbitrary<std::uint64_t>(), tree);
}

/// Small ones, where things happen, and some at which nothing leaves.
inline Blocks any_capacity(const Workload& workload) {
  return Blocks(*rc::gen::inRange<std::uint64_t>(0, workload.unique_blocks() + 3) /
                *rc::gen::element<std::uint64_t>(1, 4, 16));
}

}  // namespace kv::test
