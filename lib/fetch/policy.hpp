#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "fetch/fetch_line.hpp"

namespace kv {

enum class FetchMode {
  always,    ///< whatever the backend has
  never,     ///< nothing: looks up and stores, as a control
  adaptive,  ///< what is predicted to take less time than computing it
  hedged,    ///< everything, but recomputes from a budget on and takes what ends first
};

struct FetchPolicy {
  FetchMode mode = FetchMode::always;
  std::string text = "always";     ///< as it was asked for
  std::optional<Duration> budget;  ///< hedged: fixed; else a share of what the fetch is to save
  double budget_share = 1;

  /// Whether what is fetched depends on how fast things were, so that no other run fetches the same.
  bool decides_by_time() const { return mode == FetchMode::adaptive || mode == FetchMode::hedged; }
};
/// "always", "never", "adaptive", "hedged", "hedged:20ms" or "hedged:0.5x" (of the recomputation that is saved).
Result<FetchPolicy> parse_fetch_policy(const std::string& text);

/// A point up to which a hit could be fetched, and what is left to do then.
struct FetchCut {
  std::size_t block = 0;      ///< the first that is not fetched
  std::uint64_t bytes = 0;    ///< of payload to fetch; 0: nothing
  Duration recomputation{0};  ///< prefill of what lies behind
};

/// Which cut is fetched; by its index.
struct FetchChoice {
  std::size_t cut = 0;
  bool explored = false;  ///< not for its own sake, but to learn what fetches take
};

/// Decides for one worker, and learns from its fetches. Not thread-safe.
///
/// `adaptive` predicts a fetch from the last 16 by fit_fetches(). It fetches the first four hits to learn, and later
/// every 64th that it would not: where that one turns out to have been worth it the memory is cleared, so that the
/// policy recovers from a slow phase at once.
///
/// Between nothing and everything no cut can be better, as long as the bytes of a further block do not grow and its
/// recomputation does not shrink with depth: the time left is concave in the cut then, and least at one of its ends.
/// Attention makes it so; windows that do not end with a block, and the floor of reading all weights once, make small
/// exceptions. So two cuts are enough, and more may be offered.
class FetchDecider {
 public:
  static constexpr std::size_t kExplored = 4, kRemembered = 16;
  static constexpr std::uint64_t kExploreEvery = 64;

  explicit FetchDecider(const FetchPolicy& policy) : policy_(policy) {}

  const FetchPolicy& policy() const { return policy_; }
  /// `cuts`: at least two, the first fetches nothing, the last everything.
  FetchChoice choose(std::span<const FetchCut> cuts);
  /// What came of it: `sample` was fetched, and saved so much recomputation.
  void learn(const FetchSample& sample, Duration saved);
  /// nullopt: nothing was learnt yet.
  std::optional<Duration> predict(std::uint64_t bytes) const;

 private:
  FetchPolicy policy_;
  std::vector<FetchSample> samples_;  // the last few, in a ring
  std::size_t next_ = 0;
  std::optional<FetchLine> line_;
  std::uint64_t declined_ = 0;
  bool exploring_ = false;
};

/// How long a hedged fetch may take before recomputation begins: the policy's own budget, or its share of the time that
/// the fetch is to save. So no request takes more than 1 + share times as long as without a cache, whatever the fetch
/// takes; a smaller share bounds it tighter and lets more GPUs compute what arrives after all.
Duration hedge_budget(const FetchPolicy& policy, Duration saved);

struct HedgeOutcome {
  bool started = false;  ///< the fetch took longer than its budget
  bool recomputation_won = false;
  Duration waited{0}, prefill{0};  ///< TTFT behind the lookup: waiting for the fetch, then computing
  Duration wasted{0};              ///< computing for nothing, because the fetch came first
};
/// `fetch` took that long and leaves `rest` to compute; `recomputation` is without it and begins at the budget.
HedgeOutcome hedge(Duration budget, Duration fetch, Duration rest, Duration recomputation);

}  // namespace kv
