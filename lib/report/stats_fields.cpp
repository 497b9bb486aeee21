#include <cmath>

#include "report/field_rows.hpp"
#include "report/stats_document.hpp"

namespace kv {
namespace {

double real(std::uint64_t count) { return static_cast<double>(count); }
Json share(std::uint64_t part, std::uint64_t whole) { return quotient(real(part), real(whole)); }
/// Four digits behind the point: more of a mean would be noise.
Json mean_of(double value) { return finite(std::round(value * 1e4) / 1e4); }

/// Of what may be missing as a whole.
template <class T>
std::function<Json(const Stats&)> of(std::optional<T> Stats::*part, std::function<Json(const T&)> get) {
  return [part, get = std::move(get)](const Stats& s) { return s.*part ? get(*(s.*part)) : Json(nullptr); };
}

bool has_span(const Stats& s) { return s.workload.span_ms > 0; }

/// What is lost of what all tenants together have.
Json lost(const Stats& s, std::uint64_t Isolation::*kept, std::uint64_t IdealHits::*all) {
  return s.isolation ? Json(s.ideal.*all - (*s.isolation).*kept) : Json(nullptr);
}

std::vector<StatsField> make_fields() {
  using S = const Stats&;
  return {
      {"rate.requests_per_s", Unit::per_s, "requests / span; null where all arrive at once",
       [](S s) { return s.arrivals.mean_requests_per_s ? mean_of(*s.arrivals.mean_requests_per_s) : Json(nullptr); }},
      {"rate.interarrival_cv", Unit::factor,
       "burstiness: standard deviation / mean of the times between arrivals; 1 for a Poisson process",
       [](S s) { return s.arrivals.interarrival_cv ? mean_of(*s.arrivals.interarrival_cv) : Json(nullptr); }},
      {"rate.bin_s", Unit::seconds, "length of a bin of `series`",
       [](S s) { return mean_of(seconds(s.series.width)); }},
      {"rate.peak_to_mean", Unit::factor, "requests of the busiest bin / of the mean one",
       [](S s) { return has_span(s) ? mean_of(s.series.peak_to_mean) : Json(nullptr); }},
      {"rate.dispersion", Unit::factor,
       "variance / mean of the requests in a bin; 1 for a Poisson process, blind to how finely times are written",
       [](S s) { return has_span(s) ? mean_of(s.series.dispersion) : Json(nullptr); }},
      {"warm_up.third_quarter_block_hit_rate", Unit::ratio,
       "block hit rate of a cache that never evicts in the third quarter of the requests; null below 100 requests",
       of<WarmUp>(&Stats::warm_up, [](const WarmUp& w) { return Json(w.third_quarter_block_hit_rate); })},
      {"warm_up.last_quarter_block_hit_rate", Unit::ratio, "the same of the last quarter",
       of<WarmUp>(&Stats::warm_up, [](const WarmUp& w) { return Json(w.last_quarter_block_hit_rate); })},
      {"warm_up.still_warming", Unit::flag,
       "the last quarter's is higher by more than 0.02: the trace is too short to show what a full cache gives",
       of<WarmUp>(&Stats::warm_up, [](const WarmUp& w) { return Json(w.still_warming); })},
      {"reuse.one_shot_blocks", Unit::count, "unique blocks that are used once: to store them wins nothing",
       [](S s) { return Json(s.reuse.one_shot_blocks); }},
      {"reuse.one_shot_share", Unit::ratio, "one_shot_blocks / unique_blocks",
       [](S s) { return share(s.reuse.one_shot_blocks, s.workload.unique_blocks); }},
      {"sharing.common_blocks", Unit::count, "blocks that every request begins with: a system prompt",
       [](S s) { return Json(s.sharing.common_blocks); }},
      {"sharing.trees", Unit::count, "prefix trees: different first blocks behind the common ones",
       [](S s) { return Json(s.sharing.trees); }},
      {"sharing.branching_blocks", Unit::count, "blocks that different ones follow",
       [](S s) { return Json(s.sharing.branching_blocks); }},
      {"sharing.leaf_blocks", Unit::count, "blocks that none follows", [](S s) { return Json(s.sharing.leaf_blocks); }},
      {"isolation.by", Unit::text, "whose caches are kept apart: tenant or session; null where the trace names none",
       [](S s) {
         if (!s.isolation) return Json(nullptr);
         return Json(s.isolate == Isolate::tenant ? "tenant" : "session");
       }},
      {"isolation.tenants", Unit::count, "how many there are; requests that name none are one more",
       of<Isolation>(&Stats::isolation, [](const Isolation& i) { return Json(i.tenants); })},
      {"isolation.block_hits", Unit::count, "blocks that a cache of its own for each, which never evicts, serves",
       of<Isolation>(&Stats::isolation, [](const Isolation& i) { return Json(i.block_hits); })},
      {"isolation.token_hits", Unit::count, "the same in tokens",
       of<Isolation>(&Stats::isolation, [](const Isolation& i) { return Json(i.token_hits); })},
      {"isolation.lost_block_hits", Unit::count, "what isolation costs: ideal.block_hits - isolation.block_hits",
       [](S s) { return lost(s, &Isolation::block_hits, &IdealHits::block_hits); }},
      {"isolation.lost_token_hits", Unit::count, "the same in tokens",
       [](S s) { return lost(s, &Isolation::token_hits, &IdealHits::token_hits); }},
      {"isolation.lost_share", Unit::ratio, "lost_token_hits / ideal.token_hits",
       [](S s) {
         return s.isolation ? share(s.ideal.token_hits - s.isolation->token_hits, s.ideal.token_hits) : Json(nullptr);
       }},
      {"sessions.sessions", Unit::count, "sessions that the trace names; null where it names none",
       of<Sessions>(&Stats::sessions, [](const Sessions& x) { return Json(x.sessions); })},
      {"sessions.requests", Unit::count, "requests that belong to one",
       of<Sessions>(&Stats::sessions, [](const Sessions& x) { return Json(x.requests); })},
  };
}

std::function<std::optional<Spread>(const Stats&)> of_sessions(std::optional<Spread> Sessions::*part) {
  return [part](const Stats& s) { return s.sessions ? (*s.sessions).*part : std::nullopt; };
}

std::vector<StatsSpread> make_spreads() {
  using S = const Stats&;
  return {
      {"lengths.input_tokens", Unit::count, "input tokens", "of a prompt", [](S s) { return s.arrivals.input_tokens; }},
      {"lengths.output_tokens", Unit::count, "output tokens", "of an answer",
       [](S s) { return s.arrivals.output_tokens; }},
      {"rate.interarrival_ns", Unit::nanoseconds, "", "from a request to the next",
       [](S s) { return s.arrivals.interarrival_ns; }},
      {"sharing.hit_blocks", Unit::count, "hit, blocks",
       "depth of the hit: blocks that a cache which never evicts serves of a request",
       [](S s) { return s.sharing.hit_blocks; }},
      {"sharing.requests_per_tree", Unit::count, "requests of a tree", "of one prefix tree",
       [](S s) { return s.sharing.requests_per_tree; }},
      {"sharing.children", Unit::count, "", "fan-out: different blocks behind a block that any follows",
       [](S s) { return s.sharing.children; }},
      {"sharing.branching_depth_blocks", Unit::count, "", "where prompts part: depth of the branching blocks",
       [](S s) { return s.sharing.branching_depth; }},
      {"reuse.uses", Unit::count, "uses of a block", "of a unique block", [](S s) { return s.reuse.uses; }},
      {"reuse.interval_ns", Unit::nanoseconds, "reuse interval",
       "since the block's last use, over all uses but first ones", [](S s) { return s.reuse.interval_ns; }},
      {"reuse.distance_blocks", Unit::count, "reuse distance, blocks",
       "LRU stack distance: blocks of the smallest LRU cache that still has it, over all uses but first ones",
       [](S s) { return s.reuse.distance_blocks; }},
      {"sessions.turns", Unit::count, "turns of a session", "requests of a session", of_sessions(&Sessions::turns)},
      {"sessions.gap_ns", Unit::nanoseconds, "between turns", "from a request of a session to its next",
       of_sessions(&Sessions::gap_ns)},
      {"sessions.length_ns", Unit::nanoseconds, "", "from a session's first request to its last",
       of_sessions(&Sessions::length_ns)},
  };
}

}  // namespace

std::span<const StatsField> stats_fields() {
  static const std::vector<StatsField> kFields = make_fields();
  return kFields;
}

std::span<const StatsSpread> stats_spreads() {
  static const std::vector<StatsSpread> kSpreads = make_spreads();
  return kSpreads;
}

std::span<const SpreadPart> spread_parts() {
  const auto part = [](const char* name, bool in_table, std::uint64_t Spread::*member) {
    return SpreadPart{name, in_table, [member](const Spread& s) { return real(s.*member); }};
  };
  static const std::vector<SpreadPart> kParts = {
      part("count", false, &Spread::count), {"mean", true, [](const Spread& s) { return s.mean; }},
      part("min", false, &Spread::min),     part("p10", true, &Spread::p10),
      part("p25", false, &Spread::p25),     part("p50", true, &Spread::p50),
      part("p75", false, &Spread::p75),     part("p90", true, &Spread::p90),
      part("p95", false, &Spread::p95),     part("p99", true, &Spread::p99),
      part("max", true, &Spread::max),
  };
  return kParts;
}

}  // namespace kv
