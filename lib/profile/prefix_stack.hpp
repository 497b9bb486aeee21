#pragma once
#include <cstdint>
#include <optional>
#include <vector>

namespace kv {

/// The LRU stack of a prefix cache that never evicts, kept by request instead of by block: a served request's blocks
/// lie on top, head first, so at any time a past request owns (was the last to touch) one run of its depths,
/// first..last, and the stack is those runs, latest request first. Positions count from 1 at the top: a cache of at
/// least that many blocks would have hit. 12 bytes x 2 a request; every call is O(log requests). Not thread-safe.
class PrefixStack {
 public:
  explicit PrefixStack(std::uint32_t max_requests);

  /// A request is served: it owns its depths 1..blocks. Those it shares must have been taken from their owners.
  /// `reusable`: how deep another prompt may share it. Requests number from 0.
  std::uint32_t push(std::uint32_t blocks, std::uint32_t reusable);
  /// `owner` loses its depths up to and including `depth`, which it owns.
  void take(std::uint32_t owner, std::uint32_t depth);

  std::uint32_t size() const { return size_; }
  /// Blocks in the stack.
  std::uint32_t blocks() const { return nodes_[1].owned; }
  /// Position of a block that `owner` owns.
  std::uint32_t position(std::uint32_t owner, std::uint32_t depth) const {
    return above(owner) + depth - taken_[owner];
  }
  /// The owner of the block at this position, 1..blocks().
  std::uint32_t owner_at(std::uint32_t position) const;
  /// Depths of `owner` that others have touched since.
  std::uint32_t taken(std::uint32_t owner) const { return taken_[owner]; }

  /// The nearest request at or before (`older`), or at or after `from`, that owns its block at `depth` and may be
  /// shared there.
  std::optional<std::uint32_t> older(std::uint32_t from, std::uint32_t depth) const;
  std::optional<std::uint32_t> newer(std::uint32_t from, std::uint32_t depth) const;

 private:
  struct Node {
    std::uint32_t owned = 0;                // blocks, of all below
    std::uint32_t deepest = 0;              // most that is reusable
    std::uint32_t shallowest = UINT32_MAX;  // fewest that are taken
  };
  std::uint32_t above(std::uint32_t owner) const;
  void update(std::uint32_t owner);
  bool may_own(const Node& node, std::uint32_t depth) const { return node.deepest >= depth && node.shallowest < depth; }

  std::uint32_t leaves_, size_ = 0;
  std::vector<Node> nodes_;  // a complete binary tree, the root at 1
  std::vector<std::uint32_t> taken_;
};

}  // namespace kv
