#include "backend/arena_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "base/parse.hpp"

namespace kv {
namespace {

constexpr std::size_t kMinGranule = 64, kPage = std::size_t{4} << 10, kMaxGranule = std::size_t{2} << 20;
constexpr std::size_t kGranulesPerBody = 16;
constexpr std::uint64_t kManyGranules = std::uint64_t{1} << 26, kMaxGranules = std::numeric_limits<Granule>::max() - 1;

std::uint64_t saturated(std::uint64_t a, std::uint64_t b) {
  return b != 0 && a > std::numeric_limits<std::uint64_t>::max() / b ? std::numeric_limits<std::uint64_t>::max()
                                                                     : a * b;
}

std::size_t granule_for(std::size_t body) {
  const std::size_t sixteenth = std::bit_floor(std::max<std::size_t>(body / kGranulesPerBody, 1));
  const std::size_t divisor = body & (~body + 1);  // the largest power of two that divides it
  return std::clamp(std::max(sixteenth, std::min(divisor, kPage)), kMinGranule, kMaxGranule);
}

ArenaLayout cut(const Needs& needs, std::size_t granule_bytes) {
  ArenaLayout layout;
  layout.parts = needs.parts;
  layout.granule_bytes = granule_bytes;
  layout.part_granules = ceil_div(needs.max_body_bytes, granule_bytes);
  return layout;
}

/// The finest cut that leaves no more granules than are practical to keep lists of, or one a value.
ArenaLayout cut(const Needs& needs, Bytes capacity, std::uint64_t blocks) {
  for (std::size_t granule = granule_for(needs.max_body_bytes);; granule *= 2) {
    const ArenaLayout layout = cut(needs, granule);
    const std::uint64_t wanted = saturated(blocks, layout.granules_for(needs.max_block_bytes));
    const bool coarse = granule >= kPage || layout.part_granules <= 1;
    if (coarse || std::min(wanted, capacity.count() / granule) <= kManyGranules) return layout;
  }
}

}  // namespace

std::uint32_t ArenaLayout::granules_for(std::size_t bytes) const {
  // Each part may waste all but one byte of a granule.
  const std::size_t count = (bytes + parts * (granule_bytes - 1)) / granule_bytes;
  const std::size_t most = part_granules != 0 ? parts * part_granules : count;
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(std::min(count, most), 1, ~std::uint32_t{0}));
}

Result<ArenaLayout> plan_arena(const std::string& scheme, Bytes capacity, std::optional<std::uint64_t> blocks,
                               const Needs& needs, Bytes available) {
  constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t unique = needs.unique_blocks != 0 ? needs.unique_blocks : kAny;
  ArenaLayout layout = cut(needs, blocks ? Bytes(kAny) : capacity, std::min(blocks.value_or(kAny), unique));
  const std::uint64_t per_block = layout.granules_for(needs.max_block_bytes);
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
