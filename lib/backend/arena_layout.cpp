#include "backend/arena_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "base/parse.hpp"

namespace kv {
namespace {

constexpr std::size_t kMinGranule = std::size_t{4} << 10, kMaxGranule = std::size_t{2} << 20;
// A sixteenth of the largest body: rounding wastes about 3 % of it.
constexpr std::size_t kGranulesPerBody = 16;
constexpr std::uint64_t kMaxGranules = std::numeric_limits<Granule>::max() - 1;

std::uint64_t saturated(std::uint64_t a, std::uint64_t b) {
  return b != 0 && a > std::numeric_limits<std::uint64_t>::max() / b ? std::numeric_limits<std::uint64_t>::max()
                                                                     : a * b;
}

}  // namespace

std::uint32_t ArenaLayout::granules_for(std::size_t bytes) const {
  // Each part may waste all but one byte of a granule.
  const std::size_t count = (bytes + parts * (granule_bytes - 1)) / granule_bytes;
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(count, 1, ~std::uint32_t{0}));
}

Result<ArenaLayout> plan_arena(const std::string& scheme, Bytes capacity, std::optional<std::uint64_t> blocks,
                               const Needs& needs, Bytes available) {
  ArenaLayout layout;
  layout.parts = needs.parts;
  layout.granule_bytes = std::clamp(std::bit_floor(std::max<std::size_t>(needs.max_body_bytes / kGranulesPerBody, 1)),
                                    kMinGranule, kMaxGranule);
  const std::uint64_t per_block = layout.granules_for(needs.max_block_bytes);
  const std::uint64_t unique =
      needs.unique_blocks != 0 ? needs.unique_blocks : std::numeric_limits<std::uint64_t>::max();
  std::uint64_t granules = 0;
  if (blocks) {
    if (*blocks == 0) return error(Code::bad_input, scheme + ": capacity_blocks=0 holds no block", "give at least 1");
    layout.capacity = std::min(*blocks, unique);
    layout.block_granules = static_cast<std::uint32_t>(per_block);
    granules = saturated(layout.capacity, per_block);
  } else {
    const std::uint64_t given = capacity.count() / layout.granule_bytes;
    if (given < per_block) {
      return error(Code::bad_input,
                   fmt::format("{}: a capacity of {} holds not one block: the largest takes {}", scheme,
                               format_bytes(capacity), format_bytes(Bytes(per_block * layout.granule_bytes))),
                   "give a larger capacity=, or scale payloads down with --bytes-per-token");
    }
    layout.capacity = granules = std::min(given, saturated(unique, per_block));
  }
  if (granules > std::min(available.count() / layout.granule_bytes, kMaxGranules)) {
    return error(Code::bad_input,
                 fmt::format("{}: {} blocks of {} take {}, but only {} of memory are available", scheme,
                             format_count(granules / per_block), format_bytes(Bytes(per_block * layout.granule_bytes)),
                             format_bytes(Bytes(saturated(granules, layout.granule_bytes))), format_bytes(available)),
                 "scale payloads down with --bytes-per-token, or give a smaller capacity=");
  }
  layout.granules = static_cast<Granule>(granules);
  return layout;
}

}  // namespace kv
