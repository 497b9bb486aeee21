#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"
#include "report/document.hpp"
#include "report/stats_document.hpp"

namespace kv {
namespace {

constexpr double kMost = 0.9;  // of the ideal hits: what a cache is worth choosing for

std::string percent(std::uint64_t part, std::uint64_t whole) {
  return figure_text(whole == 0 ? std::nullopt : std::optional(static_cast<double>(part) / static_cast<double>(whole)),
                     Unit::ratio);
}

/// The first point that has most of the ideal hits.
template <class Point>
const Point* first_with_most(const std::vector<Point>& points, std::uint64_t ideal) {
  const auto found = std::find_if(points.begin(), points.end(), [ideal](const Point& p) {
    return static_cast<double>(p.token_hits) >= kMost * static_cast<double>(ideal);
  });
  return found == points.end() ? nullptr : &*found;
}

std::string ideal_sentence(const Stats& s) {
  return fmt::format(
      "A cache that never evicts would serve {} of the input tokens; {} of the {} unique blocks are used "
      "once, so that storing them wins nothing.",
      percent(s.ideal.token_hits, s.workload.input_tokens), percent(s.reuse.one_shot_blocks, s.workload.unique_blocks),
      format_count(s.workload.unique_blocks));
}

std::string reuse_sentence(const Stats& s) {
  std::string out = fmt::format("Half of all reuses come within {} of the last use, 90 % within {}",
                                format_duration(Duration(static_cast<std::int64_t>(s.reuse.interval_ns->p50))),
                                format_duration(Duration(static_cast<std::int64_t>(s.reuse.interval_ns->p90))));
  if (const TtlHits* ttl = first_with_most(s.reuse.ttl, s.ideal.token_hits)) {
    out += fmt::format("; a sliding TTL of {} keeps {} of the ideal token hits", format_duration(ttl->ttl),
                       percent(ttl->token_hits, s.ideal.token_hits));
  }
  return out + ".";
}

std::string size_sentence(const Stats& s) {
  const LruPoint* lru = first_with_most(s.reuse.lru, s.ideal.token_hits);
  if (lru == nullptr) return {};
  const std::uint64_t capacity = std::min(lru->capacity.count(), s.workload.unique_blocks);
  return fmt::format(
      "An LRU cache of {} blocks ({} of the unique ones) has {} of the ideal token hits; kvplan curve "
      "finds the size for any share.",
      format_count(capacity), percent(capacity, s.workload.unique_blocks),
      percent(lru->token_hits, s.ideal.token_hits));
}

std::string sharing_sentence(const Stats& s) {
  if (s.sharing.top.empty()) return {};
  std::uint64_t saved = 0;
  for (const SharedPrefix& prefix : s.sharing.top) saved += prefix.saved_tokens;
  return fmt::format(
      "There are {} prefix trees behind what every request begins with ({} blocks); the {} most valuable shared "
      "prefixes make {} of the ideal token hits.",
      format_count(s.sharing.trees), format_count(s.sharing.common_blocks), s.sharing.top.size(),
      percent(saved, s.ideal.token_hits));
}

std::string isolation_sentence(const Stats& s) {
  if (!s.isolation) return {};
  return fmt::format("A cache of its own for each of the {} {}s would lose {} of the ideal token hits.",
                     format_count(s.isolation->tenants), s.isolate == Isolate::tenant ? "tenant" : "session",
                     percent(s.ideal.token_hits - s.isolation->token_hits, s.ideal.token_hits));
}

}  // namespace

std::vector<std::string> stats_findings(const Stats& s) {
  std::vector<std::string> out;
  if (s.ideal.block_hits == 0) {
    return {"No block is used twice: a cache wins nothing here, whatever its size."};
  }
  out.push_back(ideal_sentence(s));
  if (s.reuse.interval_ns && s.workload.span_ms > 0) out.push_back(reuse_sentence(s));
  for (std::string& text : std::vector{size_sentence(s), sharing_sentence(s), isolation_sentence(s)}) {
    if (!text.empty()) out.push_back(std::move(text));
  }
  return out;
}

std::vector<std::string> stats_warnings(const Stats& s) {
  std::vector<std::string> out;
  if (s.warm_up && s.warm_up->still_warming) {
    out.push_back(
        fmt::format("the trace still warms up at its end: of the third quarter of the requests a cache that never "
                    "evicts serves {} of "
                    "the blocks, of the last {}; a longer trace would show more hits",
                    figure_text(s.warm_up->third_quarter_block_hit_rate, Unit::ratio),
                    figure_text(s.warm_up->last_quarter_block_hit_rate, Unit::ratio)));
  }
  if (s.workload.span_ms == 0 && s.workload.requests > 1) {
    out.emplace_back("all requests arrive at once: rates, intervals and TTLs say nothing");
  }
  return out;
}

}  // namespace kv
