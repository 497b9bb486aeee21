#pragma once
#include <map>
#include <set>
#include <vector>

#include "profile/fitted_plan.hpp"
#include "profile/prompt_tree.hpp"
#include "profile/reuse_debt.hpp"

namespace kv {

/// Where a request may branch off: an earlier one's path, down to `depth`.
struct Candidate {
  std::uint32_t run = PromptTree::kRoot, depth = 0, input = 0;
};

/// One round through a profile: serves the planned requests one by one, each at the earlier prompt that brings the LRU
/// curve closest to the profile's. Not thread-safe; keeps a reference to the profile.
class Round {
 public:
  Round(const FittedProfile& profile, std::uint64_t seed);

  std::size_t size() const { return plan_.size(); }
  std::uint64_t blocks() const { return tree_.blocks(); }
  /// Serves the next request; `ids`, unless null, receives its prompt.
  PlannedRequest next(std::vector<BlockId>* ids, std::uint64_t& at_ms);
  /// How far the requests so far are from the profile: the largest error of a figure, in units of its tolerance.
  double error() const;

 private:
  std::uint32_t blocks_of(std::uint32_t tokens) const {
    return static_cast<std::uint32_t>(ceil_div(tokens, profile_.block_size.count()));
  }
  std::vector<std::uint32_t> blocks_of(const std::vector<PlannedRequest>& plan) const {
    std::vector<std::uint32_t> blocks;
    blocks.reserve(plan.size());
    for (const PlannedRequest& request : plan) blocks.push_back(blocks_of(request.input));
    return blocks;
  }
  std::uint32_t full_blocks(std::uint32_t tokens) const {
    return static_cast<std::uint32_t>(tokens / profile_.block_size.count());
  }
  void bring_forward(std::uint32_t me);
  void trade_reuse(std::uint32_t me);
  std::set<std::pair<std::uint32_t, std::uint32_t>>::const_iterator nearest_repeat(std::uint32_t input) const;
  void trade_length(std::uint32_t planned, std::uint32_t got);
  Candidate choose(const PlannedRequest& request);
  Candidate choose_repeat(const PlannedRequest& request);
  void consider(const Candidate& candidate, std::uint32_t distance, double extra);
  void consider_owner(std::uint32_t owner, std::uint32_t depth, std::uint32_t distance, std::uint32_t left);
  void consider_ends(const PlannedRequest& request, std::uint32_t start, std::uint32_t depth, std::uint32_t distance);
  void consider_there(const PlannedRequest& request, std::uint32_t start, std::uint32_t depth, std::uint32_t distance);
  void tell_hits(const Candidate& candidate);

  const FittedProfile& profile_;
  Random random_;
  std::vector<PlannedRequest> plan_;
  std::vector<std::uint32_t> wanted_inputs_;                   // of the plan, sorted
  std::set<std::pair<std::uint32_t, std::uint32_t>> repeats_;  // (input, request) that are to come
  std::vector<std::uint64_t> arrivals_;
  PrefixStack stack_;
  PromptTree tree_;
  ReuseDebt debt_;
  std::vector<std::uint32_t> tails_, inputs_;                    // of each request so far
  std::map<std::uint32_t, std::vector<std::uint32_t>> endings_;  // input -> runs with a last block that is not full
  std::vector<std::vector<std::uint32_t>> by_reusable_;          // requests so far, by how deep they may be shared
  std::uint32_t deepest_ = 0, deepest_request_ = 0;
  std::uint64_t refs_ = 0;
  std::int64_t lost_ = 0;  // blocks that should have been shared and were not
  Candidate best_;
  double best_cost_ = 0, best_away_ = 0;
};

}  // namespace kv
