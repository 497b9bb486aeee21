#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "profile/fitted_text.hpp"
#include "profile/stratum_columns.hpp"

namespace kv {
namespace {

constexpr std::size_t kWidth = 116;

/// Writes items, separated by commas, in lines of at most kWidth columns.
class Wrapped {
 public:
  explicit Wrapped(std::string& out) : out_(out) {}
  void add(const std::string& item) {
    if (column_ != 0 && column_ + item.size() + 1 > kWidth) {
      out_ += '\n';
      column_ = 0;
    }
    out_ += item;
    out_ += ',';
    column_ += item.size() + 1;
  }

 private:
  std::string& out_;
  std::size_t column_ = 0;
};

void add_key(std::string& out, const char* key, const std::string& comment) {
  fmt::format_to(std::back_inserter(out), "\n# {}\n{} = [\n", comment, key);
}

void add_minutes(std::string& out, const std::vector<std::uint32_t>& minutes) {
  add_key(out, "minutes", "Requests in each minute; -n: n minutes without any");
  Wrapped items(out);
  for (std::size_t i = 0; i < minutes.size();) {
    std::size_t empty = 0;
    while (i + empty < minutes.size() && minutes[i + empty] == 0) ++empty;
    items.add(empty > 0 ? fmt::format("-{}", empty) : fmt::format("{}", minutes[i]));
    i += std::max<std::size_t>(empty, 1);
  }
  out += "\n]\n";
}

void add_knots(std::string& out, const char* key, const std::vector<Knot>& knots) {
  add_key(out, key, "All lengths in order: [rank, tokens]; lengths between two of these lie on a line");
  Wrapped items(out);
  for (const Knot& knot : knots) items.add(fmt::format("[{},{}]", knot.rank, knot.tokens));
  out += "\n]\n";
}

void add_reuse(std::string& out, const ReuseTable& reuse) {
  if (reuse.capacities.empty()) return;
  add_key(out, "capacities", "Cache sizes, in blocks, at which the LRU curve is known");
  Wrapped sizes(out);
  for (const std::uint32_t size : reuse.capacities) sizes.add(fmt::format("{}", size));
  out += "\n]\n";
  add_key(out, "reuse",
          "Requests in order, cut into equal parts: [block references, hits that need no more blocks than the first of "
          "these\n# sizes, hits that need more but no more than the second, ...]");
  for (const ReuseTable::Part& part : reuse.parts) {
    fmt::format_to(std::back_inserter(out), "[{},{}],\n", part.refs, fmt::join(part.hits, ","));
  }
  out += "]\n";
}

void add_strata(std::string& out, const std::vector<Stratum>& strata) {
  std::string names;
  for (const StratumColumn& column : stratum_columns()) {
    names += (names.empty() ? "" : ", ") + std::string(column.name);
  }
  add_key(
      out, "strata",
      "Requests that are alike, a row each; ranges are spread evenly:\n# [" + names +
          "]\n# kind: 0 shares nothing, 1 shares its first `blocks`, 2 shares all but its last `blocks`, 3 shares "
          "all.\n"
          "# `when`, `input` and `output` are ranks by arrival and length in 1/10000; `distance` is how many blocks "
          "of LRU\n# cache the deepest shared block needs; `left`: blocks of the other prompt beyond it");
  for (Stratum stratum : strata) {
    std::string row;
    for (const StratumColumn& column : stratum_columns()) {
      row += fmt::format("{}{}", row.empty() ? "" : ",", column.field(stratum));
    }
    fmt::format_to(std::back_inserter(out), "[{}],\n", row);
  }
  out += "]\n";
}

}  // namespace

std::string format_fitted(const FittedProfile& profile) {
  std::string out = fmt::format(
      "# Made by kvtrace fit: a workload that resembles a trace, without its ids, timestamps or prompts.\n"
      "# kvtrace gen makes it, docs/fitting.md explains it.\n\n"
      "[fitted]\nblock_size = {}\nrequests = {}\n"
      "tick_ms = {}  # arrivals are multiples of it\n"
      "last_ms = {}  # how far into its last minute the trace goes\n"
      "input_step = {}  # inputs are multiples of it, in tokens\n",
      profile.block_size.count(), profile.requests, profile.tick_ms, profile.last_ms, profile.input_step);
  add_minutes(out, profile.minutes);
  add_knots(out, "input_tokens", profile.input);
  add_knots(out, "output_tokens", profile.output);
  add_reuse(out, profile.reuse);
  add_strata(out, profile.strata);
  return out;
}

}  // namespace kv
