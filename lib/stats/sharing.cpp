#include "stats/sharing.hpp"

#include <algorithm>
#include <bit>

#include "stats/known.hpp"
#include "workload/trees.hpp"

namespace kv {
namespace {

constexpr DenseId kNone = UINT32_MAX;

/// By DenseId. A parent has a lower number than its children.
struct PrefixTree {
  explicit PrefixTree(std::size_t blocks) : parent(blocks, kNone), depth(blocks), uses(blocks), children(blocks) {}

  void add(const Request& request, std::size_t known) {
    for (std::size_t i = known; i < request.blocks.size(); ++i) {
      depth[request.blocks[i]] = static_cast<std::uint32_t>(i + 1);
      if (i == 0) continue;
      parent[request.blocks[i]] = request.blocks[i - 1];
      ++children[request.blocks[i - 1]];
    }
    for (const DenseId block : request.blocks) ++uses[block];
  }

  LargeVector<DenseId> parent;
  LargeVector<std::uint32_t> depth, uses, children;
};

/// The last row whose depth is not above: 0, 1, 2, 4 ...
std::size_t depth_bin(std::uint64_t blocks) {
  return blocks == 0 ? 0 : static_cast<std::size_t>(std::bit_width(blocks - 1)) + 1;
}

void add_depth(std::vector<DepthBin>& bins, std::uint64_t known) {
  const std::size_t index = depth_bin(known);
  while (bins.size() <= index) {
    bins.push_back({bins.empty() ? 0 : std::uint64_t{1} << (bins.size() - 1), 0, 0});
  }
  ++bins[index].requests;
  bins[index].block_hits += known;
}

/// Tokens of the blocks that are not full: the last ones of prompts.
class BlockTokens {
 public:
  BlockTokens(const Workload& workload) : full_(workload.block_size()), lacking_(workload.unique_blocks()) {}
  void add(const Workload& workload, const Request& request) {
    const std::size_t last = request.blocks.size() - 1;
    lacking_[request.blocks[last]] =
        static_cast<std::uint32_t>((full_ - workload.tokens_in_block(request, last)).count());
  }
  std::uint64_t of(DenseId block) const { return full_.count() - lacking_[block]; }

 private:
  Tokens full_;
  LargeVector<std::uint32_t> lacking_;
};

/// A block continues the segment of its parent if the same requests go through it.
std::vector<SharedPrefix> top_prefixes(const Workload& workload, const PrefixTree& tree, const BlockTokens& tokens,
                                       std::size_t count) {
  std::vector<SharedPrefix> segments;
  LargeVector<std::uint32_t> segment(tree.parent.size(), kNone);
  for (DenseId block = 0; block < tree.parent.size(); ++block) {
    if (tree.uses[block] < 2) continue;
    const DenseId parent = tree.parent[block];
    if (parent != kNone && tree.uses[parent] == tree.uses[block]) {
      segment[block] = segment[parent];
    } else {
      segment[block] = static_cast<std::uint32_t>(segments.size());
      segments.emplace_back();
    }
    SharedPrefix& prefix = segments[segment[block]];
    prefix.last_block = workload.id(block);
    prefix.depth_blocks = tree.depth[block];
    prefix.uses = tree.uses[block];
    ++prefix.blocks;
    prefix.saved_tokens += (prefix.uses - 1) * tokens.of(block);
  }
  const auto kept = segments.begin() + static_cast<std::ptrdiff_t>(std::min(count, segments.size()));
  std::partial_sort(segments.begin(), kept, segments.end(), [](const SharedPrefix& a, const SharedPrefix& b) {
    return a.saved_tokens != b.saved_tokens ? a.saved_tokens > b.saved_tokens : a.last_block < b.last_block;
  });
  segments.erase(kept, segments.end());
  return segments;
}

void add_fan_out(const PrefixTree& tree, Sharing& out) {
  Histogram children, depths;
  for (std::size_t block = 0; block < tree.children.size(); ++block) {
    const std::uint32_t count = tree.children[block];
    out.leaf_blocks += count == 0;
    if (count > 0) children.record(count);
    if (count < 2) continue;
    ++out.branching_blocks;
    depths.record(tree.depth[block]);
  }
  out.children = spread_of(children);
  out.branching_depth = spread_of(depths);
}

void add_trees(const Workload& workload, Sharing& out) {
  CommonRun<DenseId> common;
  for (std::size_t i = 0; i < workload.size() && common.size() > 0; ++i) common.add(workload[i].blocks);
  out.common_blocks = workload.empty() ? 0 : common.size();
  LargeVector<std::uint32_t> requests(workload.unique_blocks());
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const auto blocks = workload[i].blocks;
    ++requests[blocks[root_index(out.common_blocks, blocks.size())]];
  }
  Histogram sizes;
  for (const std::uint32_t count : requests) {
    if (count > 0) sizes.record(count);
  }
  out.trees = sizes.count();
  out.requests_per_tree = spread_of(sizes);
}

}  // namespace

Sharing sharing_of(const Workload& workload, std::size_t top) {
  Sharing out;
  PrefixTree tree(workload.unique_blocks());
  BlockTokens tokens(workload);
  KnownBlocks known_blocks;
  Histogram hits;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    const std::size_t known = known_blocks.of(request);
    tree.add(request, known);
    tokens.add(workload, request);
    hits.record(known);
    add_depth(out.depths, known);
  }
  add_trees(workload, out);
  add_fan_out(tree, out);
  out.hit_blocks = spread_of(hits);
  out.top = top_prefixes(workload, tree, tokens, top);
  return out;
}

}  // namespace kv
