#pragma once
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "backend/backend.hpp"
#include "backend/key_index.hpp"

namespace kv::resp {

/// Why lookups were in vain: remembers of every block that this run stored until when it lives, so that a miss is told
/// to be an expiry, a loss (evicted, or removed by others), or a block that was never there.
///
/// Counts are exact but for two cases, both too low: a block that another session stored again between the sending of a
/// lookup and its evaluation is not counted, and one that the server evicted in the last kSlack of its ttl or while its
/// miss was on the way counts as expired. Some 50 to 100 bytes a block, allocated as tables double and not per block; a
/// lookup without misses takes no lock. Thread-safe.
class Lifetimes {
 public:
  /// Servers count in whole milliseconds, by a clock that they read before the command.
  static constexpr Duration kSlack = std::chrono::milliseconds(2);

  struct Counts {
    std::uint64_t expired = 0, lost = 0, renewed = 0;
  };

  /// A block that was complete at `acknowledged`, its manifest having been sent at `sent`; without ttl it lives on.
  void stored(const Key& key, TimePoint sent, TimePoint acknowledged, std::optional<Duration> ttl);
  /// A lookup, begun at `begun` and answered by `answered`, did not find those blocks that are not `present`.
  void looked_up(std::span<const BlockRef> blocks, const std::vector<bool>& present, TimePoint begun,
                 TimePoint answered);
  /// The server confirmed a new ttl, asked for at `sent`.
  void renewed(const Key& key, TimePoint sent, Duration ttl);

  Counts counts() const;
  void clear();

 private:
  struct Life {
    TimePoint stored, ends;
  };

  mutable std::mutex mutex_;
  KeyIndex index_;  // into lives_
  std::vector<Life> lives_;
  Counts counts_;
};

}  // namespace kv::resp
