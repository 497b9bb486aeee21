#pragma once
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "backend/resp/command.hpp"
#include "base/units.hpp"

namespace kv::resp {

enum class TtlMode {
  fixed,    ///< a block expires `full` after it was stored
  sliding,  ///< `full` after a request last used it
  depth,    ///< as fixed, but sooner the deeper in the prefix: heads are shared by many requests, tails by few
};

/// When what is stored expires.
struct TtlRule {
  std::optional<Duration> full = {};  ///< of a prefix's head; none: nothing expires, whatever the mode
  TtlMode mode = TtlMode::fixed;
  std::uint64_t halving_blocks = 64;         ///< depth mode: the ttl is halved every so many blocks; at least 1
  Duration least = std::chrono::minutes(1);  ///< depth mode: but is no less than this, or `full` if that is less

  /// Of the block at this index of a prefix. In depth mode
  ///   max(full / 2^floor(depth / halving_blocks), min(least, full)).
  std::optional<Duration> at(std::uint64_t depth) const;
};

/// How much longer chunks live than the manifest of their block: an eighth of its ttl, from 100 ms to 10 s. A manifest
/// is written when all its chunks are, and a request reads it first: with the same ttl chunks would expire under a
/// manifest that still stands, a miss found only while fetching, and chunks without one are not looked for.
Duration chunk_grace(Duration ttl);

/// The commands that a rule comes to, made once: storing looks one up and allocates nothing. Immutable.
class TtlCommands {
 public:
  struct Step {
    std::optional<Duration> ttl;  ///< of the manifest, hence of the block
    SetCommand manifest, chunk;
    std::string manifest_ms, chunk_ms;  ///< the same for PEXPIRE; empty: never
  };

  explicit TtlCommands(const TtlRule& rule = {});
  const Step& at(std::uint64_t depth) const {
    return steps_[std::min<std::uint64_t>(depth / halving_blocks_, steps_.size() - 1)];
  }
  /// Whether a use renews a block's ttl.
  bool sliding() const { return sliding_; }

 private:
  std::vector<Step> steps_;  // by number of halvings, the last for all that lie deeper
  std::uint64_t halving_blocks_;
  bool sliding_;
};

}  // namespace kv::resp
