#include "profile/fitted_plan.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace kv {
namespace {

constexpr std::uint64_t kMinute = 60'000;

/// A request on its way into the plan: where it stands among all in time and in its two lengths, in 0..10,000.
struct Draft {
  PlannedRequest request;
  std::uint32_t kind;
  double when, input, output;
};

/// 0..count-1 in random order (Fisher and Yates).
void shuffle(std::vector<std::uint32_t>& order, std::size_t count, Random& random) {
  order.resize(count);
  std::iota(order.begin(), order.end(), 0U);
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
}

/// Calls set(request, u) with one u in each of `count` equal parts of [0, 1), in random order.
template <class Set>
void spread(std::size_t count, Random& random, std::vector<std::uint32_t>& order, const Set& set) {
  shuffle(order, count, random);
  for (std::size_t i = 0; i < count; ++i) set(i, (order[i] + random.uniform()) / static_cast<double>(count));
}

double within(const Between& range, double u) { return range.low + (range.high - range.low) * u; }
std::uint32_t whole_within(const Between& range, double u) {
  return range.low + static_cast<std::uint32_t>((range.high - range.low + 1.0) * u);
}

void add_stratum(const Stratum& stratum, Random& random, std::vector<Draft>& drafts,
                 std::vector<std::uint32_t>& order) {
  const std::size_t first = drafts.size(), count = stratum.requests;
  drafts.resize(first + count);
  Draft* const mine = drafts.data() + first;
  spread(count, random, order, [&](std::size_t i, double u) { mine[i].when = within(stratum.when, u); });
  spread(count, random, order, [&](std::size_t i, double u) { mine[i].output = within(stratum.output, u); });
  spread(count, random, order,
         [&](std::size_t i, double u) { mine[i].request.distance = whole_within(stratum.distance, u); });
  // The longer prompts of a stratum share more: otherwise many would be too short for what they share.
  spread(count, random, order, [&](std::size_t i, double u) { mine[i].input = within(stratum.input, u); });
  const bool paired = stratum.kind == Stratum::shared;
  for (std::size_t i = 0; i < count; ++i) {
    const double u = (paired ? order[i] + 0.5 : static_cast<double>(i) + random.uniform()) / static_cast<double>(count);
    mine[i].request.depth = whole_within(stratum.blocks, u);
    mine[i].kind = stratum.kind;
    mine[i].request.left = stratum.left;
    mine[i].request.repeated = stratum.kind == Stratum::repeated;
  }
}

/// What a prompt of so many blocks shares, as its stratum says it.
std::uint32_t depth_of(std::uint32_t kind, std::uint32_t said, std::uint32_t blocks) {
  if (kind == Stratum::fresh) return 0;
  if (kind == Stratum::repeated) return blocks;
  if (kind == Stratum::shared) return std::min(said, blocks - 1);
  return blocks > said ? blocks - said : std::min(1U, blocks - 1);
}

/// Ranges that are wide, and lengths dealt out anew, leave some prompts too short for what they should share. Others of
/// the same part of the trace share a little more or less, until the part has the hits it should have.
class Balance {
 public:
  Balance(const FittedProfile& profile, std::vector<PlannedRequest>& plan) : profile_(profile), plan_(plan) {}
  void run() {
    const std::size_t parts = profile_.reuse.parts.size();
    if (parts == 0) return;
    double wanted = 0, planned = 0, depths = 0, hits = 0;
    for (const PlannedRequest& r : plan_) planned += static_cast<double>(blocks(r)), depths += r.depth;
    for (const ReuseTable::Part& part : profile_.reuse.parts) {
      wanted += static_cast<double>(part.refs);
      hits += hits_of(part);
    }
    const double scale = planned / wanted;  // near 1
    // Only ever one way: what a part has too much of, another may lack, and depths that are cut do not grow again.
    left_ = static_cast<std::int64_t>(hits * scale - depths);
    for (std::size_t part = 0; part < parts; ++part) {
      // As ReuseTable counts: request r belongs to part r * parts / requests.
      const std::size_t first = (part * plan_.size() + parts - 1) / parts;
      const std::size_t last = ((part + 1) * plan_.size() + parts - 1) / parts;
      settle(hits_of(profile_.reuse.parts[part]) * scale, first, last);
    }
    change(left_, 0, plan_.size());
  }

 private:
  std::int64_t blocks(const PlannedRequest& r) const {
    return static_cast<std::int64_t>(ceil_div(r.input, profile_.block_size.count()));
  }
  static double hits_of(const ReuseTable::Part& part) {
    double hits = 0;
    for (const std::uint64_t h : part.hits) hits += static_cast<double>(h);
    return hits;
  }
  void settle(double hits, std::size_t first, std::size_t last) {
    double depths = 0;
    for (std::size_t i = first; i < last; ++i) depths += plan_[i].depth;
    carried_ += hits - depths;
    const auto part = static_cast<std::int64_t>(carried_);
    const std::int64_t most =
        left_ > 0 ? std::clamp(part, std::int64_t{0}, left_) : std::clamp(part, left_, std::int64_t{0});
    const std::int64_t settled = most - change(most, first, last);
    carried_ -= static_cast<double>(settled);
    left_ -= settled;
  }
  /// Makes the prompts of a part share `owed` more blocks, each a little of it; returns what is left of that.
  std::int64_t change(std::int64_t owed, std::size_t first, std::size_t last) {
    for (std::int64_t reach = 64; reach >= 1 && owed != 0; reach /= 2) {
      for (std::size_t i = first; i < last && owed != 0; ++i) {
        PlannedRequest& r = plan_[i];
        if (r.repeated || r.depth == 0) continue;
        const std::int64_t step = std::max<std::int64_t>(1, r.depth / reach), depth = r.depth;
        const std::int64_t to = owed > 0 ? std::min(depth + std::min(step, owed), blocks(r) - 1)
                                         : std::max(depth - std::min(step, -owed), std::int64_t{1});
        if ((to > depth) != (owed > 0)) continue;
        owed -= to - depth;
        r.depth = static_cast<std::uint32_t>(to);
      }
    }
    return owed;
  }

  const FittedProfile& profile_;
  std::vector<PlannedRequest>& plan_;
  double carried_ = 0;
  std::int64_t left_ = 0;
};

/// Gives the lengths of `knots` to the drafts in order of `rank`, so that all of them are given out, once each.
template <class Rank, class Give>
void deal(std::vector<Draft>& drafts, const std::vector<Knot>& knots, std::vector<std::uint32_t>& order,
          const Rank& rank, const Give& give) {
  order.resize(drafts.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return rank(drafts[a]) < rank(drafts[b]); });
  std::size_t knot = 0;
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    while (knot + 2 < knots.size() && knots[knot + 1].rank <= i) ++knot;
    const Knot& from = knots[knot];
    const Knot& to = knots[std::min(knot + 1, knots.size() - 1)];
    double tokens = from.tokens;
    if (to.rank > from.rank) {
      tokens += (static_cast<double>(to.tokens) - from.tokens) * (static_cast<double>(i) - from.rank) /
                static_cast<double>(to.rank - from.rank);
    }
    give(drafts[order[i]].request, tokens);
  }
}

}  // namespace

std::vector<PlannedRequest> plan_requests(const FittedProfile& profile, Random& random) {
  std::vector<Draft> drafts;
  std::vector<std::uint32_t> order;
  drafts.reserve(profile.requests);
  for (const Stratum& stratum : profile.strata) add_stratum(stratum, random, drafts, order);
  const double step = profile.input_step;
  deal(
      drafts, profile.input, order, [](const Draft& d) { return d.input; },
      [&](PlannedRequest& r, double tokens) {
        r.input = profile.input_step * std::max(1U, static_cast<std::uint32_t>(std::llround(tokens / step)));
      });
  deal(
      drafts, profile.output, order, [](const Draft& d) { return d.output; },
      [](PlannedRequest& r, double tokens) { r.output = static_cast<std::uint32_t>(std::llround(tokens)); });
  std::stable_sort(drafts.begin(), drafts.end(), [](const Draft& a, const Draft& b) { return a.when < b.when; });
  std::vector<PlannedRequest> plan;
  plan.reserve(drafts.size());
  for (const Draft& draft : drafts) {
    plan.push_back(draft.request);
    const auto blocks = static_cast<std::uint32_t>(ceil_div(draft.request.input, profile.block_size.count()));
    plan.back().depth = depth_of(draft.kind, draft.request.depth, blocks);
  }
  Balance(profile, plan).run();
  return plan;
}

std::vector<std::uint64_t> plan_arrivals(const FittedProfile& profile, Random& random) {
  std::vector<std::uint64_t> arrivals;
  arrivals.reserve(profile.requests);
  for (std::size_t m = 0; m < profile.minutes.size(); ++m) {
    const bool last = m + 1 == profile.minutes.size();
    const std::uint64_t ticks = (last ? profile.last_ms : kMinute - 1) / profile.tick_ms + 1;
    for (std::uint32_t i = 0; i < profile.minutes[m]; ++i) {
      arrivals.push_back(m * kMinute + random.below(ticks) * profile.tick_ms);
    }
  }
  if (!arrivals.empty()) arrivals.back() = (profile.minutes.size() - 1) * kMinute + profile.last_ms;
  if (!arrivals.empty()) arrivals.front() = 0;
  std::sort(arrivals.begin(), arrivals.end());
  return arrivals;
}

}  // namespace kv
