#include "backend/resp/ttl.hpp"

namespace kv::resp {
namespace {

constexpr std::uint64_t kMostHalvings = 62;  // of a Duration nothing is left then

TtlCommands::Step step_of(std::optional<Duration> ttl) {
  if (!ttl) return {ttl, SetCommand(ttl), SetCommand(ttl), "", ""};
  const Duration longer = *ttl + chunk_grace(*ttl);
  return {ttl, SetCommand(ttl), SetCommand(longer), expiry_ms(*ttl), expiry_ms(longer)};
}

}  // namespace

std::optional<Duration> TtlRule::at(std::uint64_t depth) const {
  if (!full || mode != TtlMode::depth) return full;
  const Duration halved = *full / (std::int64_t{1} << std::min(depth / halving_blocks, kMostHalvings));
  return std::max(halved, std::min(least, *full));
}

Duration chunk_grace(Duration ttl) {
  return std::clamp<Duration>(ttl / 8, std::chrono::milliseconds(100), std::chrono::seconds(10));
}

TtlCommands::TtlCommands(const TtlRule& rule)
    : halving_blocks_(rule.halving_blocks), sliding_(rule.full && rule.mode == TtlMode::sliding) {
  steps_.push_back(step_of(rule.full));
  for (std::uint64_t halvings = 1; halvings <= kMostHalvings; ++halvings) {
    const auto ttl = rule.at(halvings * halving_blocks_);
    if (ttl == steps_.back().ttl) break;
    steps_.push_back(step_of(ttl));
  }
}

}  // namespace kv::resp
