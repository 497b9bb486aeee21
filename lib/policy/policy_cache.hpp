#pragma once
#include <algorithm>
#include <memory>
#include <utility>

#include "policy/block_cache.hpp"
#include "policy/expiry.hpp"
#include "policy/use_counts.hpp"

namespace kv {

/// Where a block stands, for policies that care.
struct Place {
  Handle parent = kNoHandle;  ///< the block in front of it; kNoHandle: it begins a prompt
  std::uint32_t depth = 0;    ///< blocks in front of it
  std::uint32_t weight = 1;
};

/// The protocol of BlockCache over one policy P, a plain class with
///   P(std::uint64_t capacity)
///   void grow(Handle handles)                 room for handles below this
///   void insert(Handle, const Place&)         it becomes resident
///   void touch(Handle, const Place&)          it is resident, and was used
///   void erase(Handle, std::uint32_t weight)  it leaves by no choice of the policy (dropped, expired)
///   void evict(residents, take)               chooses victims among blocks that are not residents.pinned(block), one
///                                             after the other, each of residents.weight(block), and gives each to
///                                             take(block), until that returns false. Enough of them are unpinned.
///   bool remembers(Handle) const              see BlockCache; of a block that is not resident
/// and, where it must know what comes before victims are chosen, void expect(Handle, const Place&), called for each
/// block that will be inserted, tail to head.
template <class P>
class PolicyCache final : public BlockCache {
 public:
  explicit PolicyCache(const CacheOptions& options)
      : BlockCache(options), policy_(options.capacity), uses_(history(options)), expiry_(options) {
    grow(options.handles);
  }

  void drop(Handle block) override {
    assert(resident(block));
    if (entries_[block].pins != 0) pinned_ -= entries_[block].weight;
    leave(block);
  }

  void admit(const Ended& request, std::vector<Handle>& victims) override {
    const std::size_t count = request.blocks.size();
    assert(request.weights.size() == count && request.pinned.size() == count && request.accepted.size() == count);
    for (std::size_t i = 0; i < count; ++i) {
      const Handle block = request.blocks[i];
      if (block >= entries_.size()) grow(block + 1);
      // Its own resident blocks are pinned first: a request never evicts its own prefix.
      if (!request.pinned[i] && resident(block)) {
        pin(block);
        request.pinned[i] = 1;
      }
    }
    end(request, victims);
  }

  Served serve(std::span<const Handle> blocks, Duration now) override {
    const std::size_t count = blocks.size();
    if (expiry_.active()) expire(now);
    if (count > pinned_scratch_.size()) grow_scratch(count);
    Served served;
    bool leading = true;
    for (std::size_t i = 0; i < count; ++i) {
      const Handle block = blocks[i];
      if (block >= entries_.size()) grow(block + 1);
      const bool there = entries_[block].weight != 0;
      leading = leading && there;
      served.hits += leading;
      pinned_scratch_[i] = there;
      entries_[block].pins = there;
      pinned_ += there;
    }
    victims_scratch_.clear();
    const auto before = insertions_;
    end({blocks, std::span(ones_).first(count), std::span(pinned_scratch_).first(count),
         std::span(accepted_scratch_).first(count)},
        victims_scratch_);
    served.inserted = static_cast<std::uint32_t>(insertions_ - before);
    for (std::size_t i = 0; i < count; ++i) entries_[blocks[i]].pins = 0;
    pinned_ = 0;
    return served;
  }

  bool remembers(Handle block) const override {
    return resident(block) || (options_.admit > 1 && uses_.remembers(block)) ||
           (block < entries_.size() && policy_.remembers(block));
  }

 private:
  /// What a policy may ask about residents while it chooses.
  struct Residents {
    const Entry* entries;
    bool pinned(Handle block) const { return entries[block].pins != 0; }
    std::uint32_t weight(Handle block) const { return entries[block].weight; }
  };
  static constexpr bool kExpects = requires(P policy, Place place) { policy.expect(Handle{0}, place); };

  /// Uses are remembered of as many blocks as fit, within bounds that keep a small cache's history useful and a large
  /// one's in some 200 MiB.
  static std::uint64_t history(const CacheOptions& options) {
    return std::clamp<std::uint64_t>(options.capacity, std::uint64_t{1} << 20, std::uint64_t{1} << 22);
  }

  void grow(Handle handles) {
    if (handles > entries_.size()) entries_.resize(std::max<std::size_t>(handles, entries_.size() * 2));
    const auto room = static_cast<Handle>(entries_.size());
    policy_.grow(room);
    if (options_.admit > 1) uses_.grow(room);
    expiry_.grow(room);
  }
  void grow_scratch(std::size_t count) {
    ones_.assign(count, 1);
    pinned_scratch_.resize(count);
    accepted_scratch_.resize(count);
  }

  static Place place(const Ended& request, std::size_t i) {
    return {i == 0 ? kNoHandle : request.blocks[i - 1], static_cast<std::uint32_t>(i), request.weights[i]};
  }

  /// All its resident blocks are pinned by now.
  void end(const Ended& request, std::vector<Handle>& victims) {
    const std::uint64_t need = choose(request);
    if constexpr (kExpects) {
      for (std::size_t i = request.blocks.size(); i-- > 0;) {
        if (request.accepted[i]) policy_.expect(request.blocks[i], place(request, i));
      }
    }
    if (options_.capacity - used_ < need) make_room(need, victims);
    for (std::size_t i = request.blocks.size(); i-- > 0;) {
      const Handle block = request.blocks[i];
      if (request.accepted[i]) {
        entries_[block] = {request.weights[i], 1};
        request.pinned[i] = 1;
        ++insertions_;
        policy_.insert(block, place(request, i));
      } else if (request.pinned[i]) {
        policy_.touch(block, place(request, i));
      } else {
        continue;
      }
      if (expiry_.active()) expiry_.use(block, request.accepted[i] != 0);
    }
    used_ += need;
    pinned_ += need;
    assert(used_ <= options_.capacity);
  }

  /// Which new blocks there is room for beside what is pinned: leading ones. Returns what they weigh.
  std::uint64_t choose(const Ended& request) {
    const std::uint64_t room = options_.capacity - pinned_;
    std::uint64_t need = 0;
    bool full = false;
    for (std::size_t i = 0; i < request.blocks.size(); ++i) {
      const bool late = options_.admit > 1 && uses_.use(request.blocks[i]) < options_.admit;
      request.accepted[i] = 0;
      if (request.pinned[i]) continue;
      full = full || late || request.weights[i] > room - need;
      if (full) continue;
      need += request.weights[i];
      request.accepted[i] = 1;
    }
    return need;
  }

  void make_room(std::uint64_t need, std::vector<Handle>& victims) {
    policy_.evict(Residents{entries_.data()}, [&](Handle block) {
      Entry& entry = entries_[block];
      assert(entry.weight != 0 && entry.pins == 0);
      used_ -= entry.weight;
      entry = {};
      expiry_.remove(block);
      victims.push_back(block);
      ++evictions_;
      return options_.capacity - used_ < need;
    });
    assert(options_.capacity - used_ >= need && "room was counted over unpinned blocks");
  }

  void expire(Duration now) {
    for (Handle block = expiry_.begin(now); block != kNoHandle; block = expiry_.next_expired()) {
      leave(block);
      ++expirations_;
    }
  }
  void leave(Handle block) {
    const std::uint32_t weight = entries_[block].weight;
    used_ -= weight;
    entries_[block] = {};
    expiry_.remove(block);
    policy_.erase(block, weight);
  }

  P policy_;
  UseCounts uses_;
  Expiry expiry_;
  std::vector<std::uint32_t> ones_;  // of serve, kept for their memory
  std::vector<std::uint8_t> pinned_scratch_, accepted_scratch_;
  std::vector<Handle> victims_scratch_;
};

template <class P>
std::unique_ptr<BlockCache> make_cache(const CacheOptions& options) {
  return std::make_unique<PolicyCache<P>>(options);
}

}  // namespace kv
