#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "policy/handle_index.hpp"
#include "workload/workload.hpp"

namespace kv {

/// Which instances hold which block: a row of bits a block that any holds. Not thread-safe. Memory: 36 bytes and a bit
/// for each instance, a block that is held.
class InstanceDirectory {
 public:
  explicit InstanceDirectory(std::uint32_t instances) : words_((instances + 63) / 64) {}

  void add(std::uint32_t instance, std::span<const BlockId> blocks);
  void remove(std::uint32_t instance, std::span<const BlockId> blocks);

  /// Finds who holds how much of a prompt; the views below live until the next call of anything.
  void look_up(std::span<const BlockId> blocks);
  /// The most leading blocks that any instance holds.
  std::size_t longest() const { return depths_.size() / words_; }
  /// A bit for each instance that holds `count` leading blocks or more, 1 <= count <= longest().
  std::span<const std::uint64_t> holders(std::size_t count) const {
    return std::span(depths_).subspan((count - 1) * words_, words_);
  }

 private:
  struct Key {
    std::uint64_t space, block;
    bool operator==(const Key&) const = default;
  };
  std::size_t words_;
  HandleIndex<Key> index_;
  std::vector<std::uint64_t> rows_;    // by handle, words_ each
  std::vector<std::uint32_t> counts_;  // by handle: bits set
  std::vector<Handle> free_;
  std::vector<std::uint64_t> depths_;  // of look_up
};

}  // namespace kv
