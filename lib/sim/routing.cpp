#include "sim/routing.hpp"

#include <array>
#include <bit>
#include <limits>
#include <utility>

#include "base/portable_math.hpp"

namespace kv {
namespace {

constexpr double kLargestExponent = 500;

constexpr std::array<RoutingRow, 5> kRows{{
    {Routing::random, "random", "any instance, at random"},
    {Routing::round_robin, "round-robin", "one instance after the other"},
    {Routing::least_loaded, "least-loaded", "the instance that computed and generated the fewest tokens of late"},
    {Routing::sticky_session, "sticky", "all requests of a session to one instance, chosen by hash"},
    {Routing::prefix_aware, "prefix",
     "the instance that holds the longest prefix, unless its load is far above the mean"},
}};

}  // namespace

std::span<const RoutingRow> routings() { return kRows; }

std::string_view routing_name(Routing routing) {
  for (const RoutingRow& row : kRows) {
    if (row.routing == routing) return row.name;
  }
  return "";
}

std::optional<Routing> routing_from_name(std::string_view name) {
  for (const RoutingRow& row : kRows) {
    if (row.name == name) return row.routing;
  }
  return std::nullopt;
}

Router::Router(const RouterOptions& options)
    : options_(options),
      random_(options.seed),
      load_(options.instances, std::numeric_limits<double>::infinity()),
      directory_(options.instances) {
  for (std::uint32_t i = 0; i < options_.instances; ++i) load_.set(i, 0);
}

std::uint32_t Router::route(Duration at, std::optional<std::uint32_t> session, std::span<const BlockId> blocks) {
  pass_time(at);
  switch (options_.routing) {
    case Routing::random:
      break;
    case Routing::round_robin:
      return std::exchange(turn_, (turn_ + 1) % options_.instances);
    case Routing::least_loaded:
      return least_loaded();
    case Routing::sticky_session:
      if (session) return static_cast<std::uint32_t>(mix64(options_.seed, *session) % options_.instances);
      ++without_session_;
      break;
    case Routing::prefix_aware:
      return by_prefix(blocks);
  }
  return any();
}

std::uint32_t Router::by_prefix(std::span<const BlockId> blocks) {
  directory_.look_up(blocks);
  const double mean = total_ / options_.instances;
  const double most = options_.load_limit * mean + static_cast<double>(options_.load_slack.count()) * scale_;
  std::optional<std::uint32_t> best;
  for (std::size_t count = directory_.longest(); count > 0 && !best; --count) {
    const std::span<const std::uint64_t> holders = directory_.holders(count);
    for (std::size_t w = 0; w < holders.size(); ++w) {
      for (std::uint64_t bits = holders[w]; bits != 0; bits &= bits - 1) {
        const auto i = static_cast<std::uint32_t>(w * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
        if (load_.value(i) <= most && (!best || load_.value(i) < load_.value(*best))) best = i;
      }
    }
  }
  return best.value_or(least_loaded());
}

void Router::add_load(std::uint32_t instance, Tokens work) {
  const double added = static_cast<double>(work.count()) * scale_;
  load_.set(instance, load_.value(instance) + added);
  total_ += added;
}

void Router::pass_time(Duration at) {
  if (!std::exchange(began_, true)) scaled_at_ = at;
  const double halvings = seconds(at - scaled_at_) / seconds(options_.load_window);
  if (halvings <= kLargestExponent) {
    scale_ = portable_exp2(halvings);
    return;
  }
  const double shrunk = portable_exp2(-std::min(halvings, 2 * kLargestExponent));  // what is older counts as this old
  total_ = 0;
  for (std::uint32_t i = 0; i < options_.instances; ++i) {
    load_.set(i, load_.value(i) * shrunk);
    total_ += load_.value(i);
  }
  scaled_at_ = at;
  scale_ = 1;
}

}  // namespace kv
