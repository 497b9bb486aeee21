#include <algorithm>

#include "profile/fitted_generator.hpp"
#include "profile/fitted_text.hpp"
#include "profile/stratum_columns.hpp"

namespace kv {

std::span<const StratumColumn> stratum_columns() {
  static constexpr std::uint32_t kRank = 10'000, kAny = UINT32_MAX, kBlocks = kMostFittedBlocks;
  static constexpr StratumColumn kColumns[] = {
      {"requests", kMostFittedRequests, [](Stratum& s) -> std::uint32_t& { return s.requests; }},
      {"kind", Stratum::repeated, [](Stratum& s) -> std::uint32_t& { return s.kind; }},
      {"when from", kRank, [](Stratum& s) -> std::uint32_t& { return s.when.low; }},
      {"to", kRank, [](Stratum& s) -> std::uint32_t& { return s.when.high; }},
      {"blocks from", kBlocks, [](Stratum& s) -> std::uint32_t& { return s.blocks.low; }},
      {"to", kBlocks, [](Stratum& s) -> std::uint32_t& { return s.blocks.high; }},
      {"distance from", kAny, [](Stratum& s) -> std::uint32_t& { return s.distance.low; }},
      {"to", kAny, [](Stratum& s) -> std::uint32_t& { return s.distance.high; }},
      {"left", kBlocks, [](Stratum& s) -> std::uint32_t& { return s.left; }},
      {"input from", kRank, [](Stratum& s) -> std::uint32_t& { return s.input.low; }},
      {"to", kRank, [](Stratum& s) -> std::uint32_t& { return s.input.high; }},
      {"output from", kRank, [](Stratum& s) -> std::uint32_t& { return s.output.low; }},
      {"to", kRank, [](Stratum& s) -> std::uint32_t& { return s.output.high; }},
  };
  return kColumns;
}

namespace {

constexpr std::size_t kMostKnots = 4096, kMostStrata = 8192, kMostCapacities = 512, kMostParts = 256;

template <class T>
Result<void> read_whole(const TomlValue& value, std::uint64_t lowest, std::uint64_t highest, T& out) {
  const auto count = read_count(value, lowest, highest);
  if (!count) return error(count);
  out = static_cast<T>(*count);
  return {};
}

template <class T>
TomlKey<FittedProfile> whole_key(std::string name, T FittedProfile::*into, std::string summary, std::uint64_t lowest,
                                 std::uint64_t highest) {
  return {std::move(name), kRequired, std::move(summary),
          [=](const TomlValue& value, FittedProfile& out) { return read_whole(value, lowest, highest, out.*into); }};
}

/// An array of exactly `size` members.
Result<const TomlValue::Array*> read_row(const TomlValue& value, std::size_t size) {
  auto row = read_as_array(value, size);
  if (row && (*row)->size() != size) return value.wrong(fmt::format("has {} entries, not {}", (*row)->size(), size));
  return row;
}

Result<void> read_minutes(const TomlValue& value, FittedProfile& out) {
  const auto items = read_as_array(value, kMostFittedMinutes);
  if (!items) return error(items);
  for (const TomlValue& item : **items) {
    const auto* count = std::get_if<std::int64_t>(&item.data);
    if (count != nullptr && *count < 0) {
      const std::uint64_t room = kMostFittedMinutes - out.minutes.size();
      if (*count < -static_cast<std::int64_t>(room)) return item.wrong("more minutes than ten years have");
      out.minutes.resize(out.minutes.size() + static_cast<std::size_t>(-*count));
      continue;
    }
    std::uint32_t requests = 0;
    if (auto read = read_whole(item, 0, kMostFittedRequests, requests); !read) return read;
    if (out.minutes.size() >= kMostFittedMinutes) return item.wrong("more minutes than ten years have");
    out.minutes.push_back(requests);
  }
  return {};
}

Result<void> read_knots(const TomlValue& value, std::uint64_t least, std::vector<Knot>& out) {
  const auto items = read_as_array(value, kMostKnots);
  if (!items) return error(items);
  for (const TomlValue& item : **items) {
    const auto pair = read_row(item, 2);
    if (!pair) return error(pair);
    Knot knot;
    if (auto read = read_whole((**pair)[0], 0, kMostFittedRequests, knot.rank); !read) return read;
    if (auto read = read_whole((**pair)[1], least, UINT32_MAX, knot.tokens); !read) return read;
    const bool follows = out.empty() ? knot.rank == 0 : knot.rank > out.back().rank && knot.tokens >= out.back().tokens;
    if (!follows) return item.wrong("ranks rise from 0 on, and lengths do not fall");
    out.push_back(knot);
  }
  return {};
}

Result<void> read_capacities(const TomlValue& value, FittedProfile& out) {
  const auto items = read_as_array(value, kMostCapacities);
  if (!items) return error(items);
  for (const TomlValue& item : **items) {
    std::uint32_t size = 0;
    if (auto read = read_whole(item, 1, UINT32_MAX, size); !read) return read;
    if (!out.reuse.capacities.empty() && size <= out.reuse.capacities.back()) return item.wrong("sizes rise");
    out.reuse.capacities.push_back(size);
  }
  return {};
}

Result<void> read_reuse(const TomlValue& value, FittedProfile& out) {
  const auto items = read_as_array(value, kMostParts);
  if (!items) return error(items);
  for (const TomlValue& item : **items) {
    const auto row = read_as_array(item, kMostCapacities + 1);
    if (!row) return error(row);
    ReuseTable::Part part;
    if (auto read = read_whole((**row)[0], 1, std::uint64_t{1} << 40, part.refs); !read) return read;
    std::uint64_t hits = 0;
    for (std::size_t i = 1; i < (*row)->size(); ++i) {
      if (auto read = read_whole((**row)[i], 0, part.refs, part.hits.emplace_back()); !read) return read;
      hits += part.hits.back();
    }
    if (hits > part.refs) return item.wrong(fmt::format("{} hits of {} block references", hits, part.refs));
    out.reuse.parts.push_back(std::move(part));
  }
  return {};
}

Result<void> read_strata(const TomlValue& value, FittedProfile& out) {
  const auto items = read_as_array(value, kMostStrata);
  if (!items) return error(items);
  const auto columns = stratum_columns();
  for (const TomlValue& item : **items) {
    const auto row = read_row(item, columns.size());
    if (!row) return error(row);
    Stratum s;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (auto read = read_whole((**row)[i], 0, columns[i].most, columns[i].field(s)); !read) return read;
    }
    for (const Between* range : {&s.when, &s.blocks, &s.distance, &s.input, &s.output}) {
      if (range->low > range->high) return item.wrong(fmt::format("a range from {} to {}", range->low, range->high));
    }
    out.strata.push_back(s);
  }
  return {};
}

/// More than the blocks of all prompts, by the knots.
std::uint64_t most_blocks(const FittedProfile& p) {
  std::uint64_t blocks = 0;
  for (std::size_t i = 0; i < p.input.size(); ++i) {
    const std::uint64_t end = i + 1 < p.input.size() ? p.input[i + 1].rank : p.requests;
    const std::uint64_t tokens = p.input[std::min(i + 1, p.input.size() - 1)].tokens + std::uint64_t{p.input_step};
    blocks += (end - p.input[i].rank) * ceil_div(tokens, p.block_size.count());
  }
  return blocks;
}

}  // namespace

std::string fault_of(const FittedProfile& p) {
  std::uint64_t minutes = 0, strata = 0;
  for (const std::uint32_t requests : p.minutes) minutes += requests;
  for (const Stratum& stratum : p.strata) strata += stratum.requests;
  if (minutes != p.requests) return fmt::format("minutes have {} requests, not {}", minutes, p.requests);
  if (strata != p.requests) return fmt::format("strata have {} requests, not {}", strata, p.requests);
  for (const auto* knots : {&p.input, &p.output}) {
    if (knots->back().rank + 1 != p.requests) return "the last length is not that of the last request";
  }
  const std::uint64_t longest = p.input.back().tokens + std::uint64_t{p.input_step};
  if (longest > UINT32_MAX) return fmt::format("a prompt of {} tokens", longest);
  if (ceil_div(longest, p.block_size.count()) > kMostFittedBlocks) {
    return fmt::format("a prompt of {} tokens has more than {} blocks", longest, kMostFittedBlocks);
  }
  if (most_blocks(p) >= UINT32_MAX) return "its prompts have more than 2^32 blocks";
  if (p.reuse.parts.size() > p.requests || p.reuse.parts.empty() != p.reuse.capacities.empty()) {
    return "reuse has not as many parts as it could have";
  }
  for (const ReuseTable::Part& part : p.reuse.parts) {
    if (part.hits.size() != p.reuse.capacities.size()) return "reuse has not one figure for each of the capacities";
  }
  return "";
}

const std::vector<TomlKey<FittedProfile>>& fitted_keys() {
  static const std::vector<TomlKey<FittedProfile>> kKeys = {
      {"block_size", kRequired, "tokens in a block",
       [](const TomlValue& value, FittedProfile& out) -> Result<void> {
         std::uint64_t tokens = 0;
         auto read = read_whole(value, 1, 1'000'000, tokens);
         out.block_size = Tokens(tokens);
         return read;
       }},
      whole_key("requests", &FittedProfile::requests, "of one round; more begin it again", 1, kMostFittedRequests),
      whole_key("tick_ms", &FittedProfile::tick_ms, "arrivals are multiples of it", 1, 60'000),
      whole_key("last_ms", &FittedProfile::last_ms, "how far into its last minute the trace goes", 0, 59'999),
      whole_key("input_step", &FittedProfile::input_step, "inputs are multiples of it", 1, 1U << 30),
      {"minutes", kRequired, "requests in each minute; -n: n minutes without any", read_minutes},
      {"input_tokens", kRequired, "input lengths in order: [rank, tokens]",
       [](const TomlValue& value, FittedProfile& out) { return read_knots(value, 1, out.input); }},
      {"output_tokens", kRequired, "output lengths in order: [rank, tokens]",
       [](const TomlValue& value, FittedProfile& out) { return read_knots(value, 0, out.output); }},
      {"capacities", "none", "cache sizes at which the LRU curve is known", read_capacities},
      {"reuse", "none", "block references and hits by size, for parts of the trace", read_reuse},
      {"strata", kRequired, "requests that are alike", read_strata},
  };
  return kKeys;
}

Result<FittedProfile> read_fitted(const TomlValue& root) {
  const auto tables = read_as_table(root);
  if (!tables) return error(tables);
  for (const auto& [name, member] : **tables) {
    if (name != "fitted") return unknown_key(member, name, {"fitted"});
  }
  const TomlValue* table = root.find("fitted");
  if (table == nullptr) return root.wrong("there is no table [fitted]");
  FittedProfile profile;
  if (const auto read = read_table<FittedProfile>(*table, fitted_keys(), profile); !read) return error(read);
  if (const std::string fault = fault_of(profile); !fault.empty()) return table->wrong(fault);
  return profile;
}

Result<std::unique_ptr<Generator>> parse_fitted(const TomlValue& root) {
  auto profile = read_fitted(root);
  if (!profile) return error(profile);
  return make_fitted_generator(std::move(*profile));
}

}  // namespace kv
