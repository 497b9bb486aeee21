#include <fmt/format.h>

#include <cmath>

#include "base/parse.hpp"
#include "report/field_rows.hpp"
#include "report/stats_document.hpp"

namespace kv {
namespace {

using GetRow = std::function<Json(const Stats&, std::size_t)>;

Json share(std::uint64_t part, std::uint64_t whole) {
  return quotient(static_cast<double>(part), static_cast<double>(whole));
}
/// Whole where it can be: 10, not 10.0.
Json seconds_of(Duration d) {
  const double s = seconds(d);
  return s == std::floor(s) ? Json(static_cast<std::int64_t>(s)) : Json(s);
}

/// Makes a column's getter from one that knows its rows.
template <class Row>
GetRow of(const std::vector<Row>& (*rows)(const Stats&), std::function<Json(const Row&, const Stats&)> get) {
  return [rows, get = std::move(get)](const Stats& s, std::size_t row) { return get(rows(s)[row], s); };
}

const std::vector<Bin>& bins(const Stats& s) { return s.series.bins; }
const std::vector<WorkingSet>& working_sets(const Stats& s) { return s.working_sets; }
const std::vector<DepthBin>& depths(const Stats& s) { return s.sharing.depths; }
const std::vector<SharedPrefix>& prefixes(const Stats& s) { return s.sharing.top; }
const std::vector<TtlHits>& ttl_points(const Stats& s) { return s.reuse.ttl; }
const std::vector<LruPoint>& lru_points(const Stats& s) { return s.reuse.lru; }

GetRow of_bin(std::uint64_t Bin::*member) {
  return of<Bin>(bins, [member](const Bin& b, const Stats&) { return Json(b.*member); });
}

StatsList series() {
  return {
      "series",
      "bins of `rate.bin_s`, from the first request on, without a gap",
      [](const Stats& s) { return bins(s).size(); },
      {{"start_s", Unit::seconds, "start", "since the first request",
        [](const Stats& s, std::size_t row) { return seconds_of(s.series.width * static_cast<std::int64_t>(row)); }},
       {"requests", Unit::count, "requests", "that arrive in it", of_bin(&Bin::requests)},
       {"input_tokens", Unit::count, "input\ntokens", "of their prompts", of_bin(&Bin::input_tokens)},
       {"output_tokens", Unit::count, "output\ntokens", "of their answers", of_bin(&Bin::output_tokens)},
       {"block_refs", Unit::count, "blocks", "that they name", of_bin(&Bin::block_refs)},
       {"block_hits", Unit::count, "block\nhits", "of a cache that never evicts", of_bin(&Bin::block_hits)},
       {"token_hits", Unit::count, "token\nhits", "the same in tokens", of_bin(&Bin::token_hits)},
       {"block_hit_rate", Unit::ratio, "hit\nrate", "block_hits / block_refs; null for an idle bin",
        of<Bin>(bins, [](const Bin& b, const Stats&) { return share(b.block_hits, b.block_refs); })},
       {"working_set_blocks", Unit::count, "working\nset", "different blocks touched in it",
        of_bin(&Bin::working_set_blocks)},
       {"unique_blocks", Unit::count, "unique\nblocks", "different blocks up to its end",
        of_bin(&Bin::unique_blocks)}}};
}

StatsList working_set_list() {
  return {"working_sets",
          "different blocks touched within windows that follow one another",
          [](const Stats& s) { return working_sets(s).size(); },
          {{"window_s", Unit::seconds, "window", "length of the windows",
            of<WorkingSet>(working_sets, [](const WorkingSet& w, const Stats&) { return seconds_of(w.window); })},
           {"mean_blocks", Unit::count, "mean\nblocks", "over all windows, rounded",
            of<WorkingSet>(working_sets,
                           [](const WorkingSet& w, const Stats&) {
                             return Json(static_cast<std::uint64_t>(std::llround(w.mean_blocks)));
                           })},
           {"peak_blocks", Unit::count, "most\nblocks", "in the fullest window",
            of<WorkingSet>(working_sets, [](const WorkingSet& w, const Stats&) { return Json(w.peak_blocks); })}}};
}

StatsList depth_list() {
  return {
      "depths",
      "requests by the depth of their hit in a cache that never evicts",
      [](const Stats& s) { return depths(s).size(); },
      {{"up_to_blocks", Unit::count, "up to\nblocks", "hits of so many blocks, and more than the row before",
        of<DepthBin>(depths, [](const DepthBin& d, const Stats&) { return Json(d.up_to_blocks); })},
       {"requests", Unit::count, "requests", "that have one",
        of<DepthBin>(depths, [](const DepthBin& d, const Stats&) { return Json(d.requests); })},
       {"requests_share", Unit::ratio, "of all", "of all requests",
        of<DepthBin>(depths, [](const DepthBin& d, const Stats& s) { return share(d.requests, s.workload.requests); })},
       {"block_hits", Unit::count, "block\nhits", "that they have together",
        of<DepthBin>(depths, [](const DepthBin& d, const Stats&) { return Json(d.block_hits); })}}};
}

StatsList prefix_list() {
  const auto count = [](std::uint64_t SharedPrefix::*member) {
    return of<SharedPrefix>(prefixes, [member](const SharedPrefix& p, const Stats&) { return Json(p.*member); });
  };
  return {
      "top_prefixes",
      "the shared prefixes that are worth most; what they save adds up, no block is in two of them",
      [](const Stats& s) { return prefixes(s).size(); },
      {{"last_block", Unit::count, "last\nblock", "id of the prefix's last block", count(&SharedPrefix::last_block)},
       {"depth_blocks", Unit::count, "depth,\nblocks", "length of the whole prefix",
        count(&SharedPrefix::depth_blocks)},
       {"blocks", Unit::count, "own\nblocks", "that it adds to the shared prefix in front of it",
        count(&SharedPrefix::blocks)},
       {"uses", Unit::count, "uses", "requests that go through it", count(&SharedPrefix::uses)},
       {"saved_tokens", Unit::count, "saved\ntokens", "what keeping its own blocks saves: (uses - 1) x their tokens",
        count(&SharedPrefix::saved_tokens)},
       {"share_of_hits", Unit::ratio, "of ideal\nhits", "saved_tokens / ideal.token_hits",
        of<SharedPrefix>(prefixes, [](const SharedPrefix& p, const Stats& s) {
          return share(p.saved_tokens, s.ideal.token_hits);
        })}}};
}

/// Block and token hits, and their rates, of a row that has them.
template <class Row>
void add_served(std::vector<StatsColumn>& out, const std::vector<Row>& (*rows)(const Stats&)) {
  out.push_back({"block_hits", Unit::count, "block\nhits", "blocks that it serves",
                 of<Row>(rows, [](const Row& r, const Stats&) { return Json(r.block_hits); })});
  out.push_back({"token_hits", Unit::count, "token\nhits", "the same in tokens",
                 of<Row>(rows, [](const Row& r, const Stats&) { return Json(r.token_hits); })});
  out.push_back(
      {"block_hit_rate", Unit::ratio, "block\nhit rate", "block_hits / workload.block_refs",
       of<Row>(rows, [](const Row& r, const Stats& s) { return share(r.block_hits, s.workload.block_refs); })});
  out.push_back(
      {"token_hit_rate", Unit::ratio, "token\nhit rate", "token_hits / workload.input_tokens",
       of<Row>(rows, [](const Row& r, const Stats& s) { return share(r.token_hits, s.workload.input_tokens); })});
}

StatsList ttl_list() {
  StatsList out{"ttl_points",
                "an unbounded cache that drops a block ttl_s after its last use, in trace time",
                [](const Stats& s) { return ttl_points(s).size(); },
                {{"ttl_s", Unit::seconds, "TTL", "sliding time to live",
                  of<TtlHits>(ttl_points, [](const TtlHits& p, const Stats&) { return seconds_of(p.ttl); })}}};
  add_served<TtlHits>(out.columns, ttl_points);
  return out;
}

StatsList lru_list() {
  StatsList out{"lru_points",
                "an LRU cache of so many blocks, at powers of two; `kvplan curve` has every size",
                [](const Stats& s) { return lru_points(s).size(); },
                {{"capacity_blocks", Unit::count, "LRU\nblocks", "its size",
                  of<LruPoint>(lru_points, [](const LruPoint& p, const Stats&) { return Json(p.capacity.count()); })}}};
  add_served<LruPoint>(out.columns, lru_points);
  return out;
}

}  // namespace

std::span<const StatsList> stats_lists() {
  static const std::vector<StatsList> kLists = {ttl_list(),   lru_list(),         prefix_list(),
                                                depth_list(), working_set_list(), series()};
  return kLists;
}

Result<const StatsList*> find_stats_list(const std::string& name) {
  std::vector<std::string> names;
  for (const StatsList& list : stats_lists()) {
    if (list.path == name) return &list;
    names.push_back(list.path);
  }
  const auto close = nearest(name, names);
  return error(Code::bad_input, fmt::format("there is no list {}", quote(name)),
               close ? fmt::format("did you mean {}?", *close) : fmt::format("one of {}", fmt::join(names, ", ")));
}

}  // namespace kv
