#include "replay/memory_fit.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"
#include "model/kv_parts.hpp"

namespace kv {
namespace {

constexpr Bytes kWindow = 32_MiB;

struct Room {
  Bytes quarter;
  std::uint32_t workers;
  bool in_place, overlap;

  Bytes half() const { return quarter / 2; }
  Bytes each_worker() const { return (half() - std::min(half() / 2, kProgramMemory)) / workers; }

  /// The largest window that leaves every worker its share; nullopt if one value is too much.
  std::optional<Bytes> window(const KvGeometry& geometry) const {
    const Bytes value = geometry.max_part();
    for (Bytes window = kWindow;; window = window / 2) {
      if (worker_bytes(value, window, in_place, overlap) <= each_worker()) return window;
      if (window <= value) return std::nullopt;
    }
  }
  bool holds(const KvGeometry& geometry, Bytes most) const {
    const Bytes block = geometry.max_block();
    return block + block / 8 <= half() && block <= most;
  }
};

tl::unexpected<Error> too_large(const KvGeometry& least, const Room& room,
                                std::optional<std::uint64_t> bytes_per_token) {
  if (room.window(least)) {
    return error(
        Code::bad_input,
        fmt::format("a block of {} tokens weighs {} even at {} bytes per token: a quarter of the memory, {}, is "
                    "too small to replay it",
                    least.block_size().count(), format_bytes(least.max_block()), bytes_per_token.value_or(0),
                    format_bytes(room.quarter)),
        "fewer shards (--tp, --pp, --kv-replication dedup) or a trace of smaller blocks weigh less");
  }
  return error(
      Code::bad_input,
      fmt::format("{} workers hold at least {} each, more than the {} a worker that half of a quarter of the "
                  "memory leaves",
                  room.workers, format_bytes(worker_bytes(least.max_part(), Bytes(0), room.in_place, room.overlap)),
                  format_bytes(room.each_worker())),
      "take fewer workers with --mode closed:N, or scale payloads further down with --bytes-per-token");
}

Result<MemoryFit> fit(const Model& model, const KvOptions& options, Tokens block_size, const Room& room) {
  const auto asked = KvGeometry::make(model, options, block_size);
  if (!asked) return error(asked);
  const auto window = room.window(*asked);
  if (window && (options.bytes_per_token || room.holds(*asked, room.quarter))) {
    return MemoryFit{options.bytes_per_token, *window, room.overlap};
  }
  if (options.bytes_per_token) return too_large(*asked, room, options.bytes_per_token);

  const Bytes most = std::min(room.quarter / 16, asked->max_block());
  std::optional<MemoryFit> best;
  KvOptions scaled = options;
  for (std::uint64_t bytes = 1; bytes <= kMaxKvBytesPerToken; bytes *= 2) {
    scaled.bytes_per_token = bytes;
    const auto geometry = KvGeometry::make(model, scaled, block_size);
    if (!geometry) continue;  // fewer than one element a shard
    const auto shrunk = room.window(*geometry);
    if (shrunk && room.holds(*geometry, best ? most : room.quarter)) {
      best = MemoryFit{bytes, *shrunk, room.overlap};
    } else if (best) {
      break;
    } else {
      return too_large(*geometry, room, bytes);
    }
  }
  if (best) return *best;
  return error(Code::bad_input, fmt::format("model {}: no payload is small enough for the memory", model.name),
               "give a smaller one with --bytes-per-token");
}

}  // namespace

std::size_t window_values(Bytes largest_value, Bytes window, bool overlap) {
  const Bytes value = std::max(largest_value, Bytes(1));
  const std::uint64_t sets = overlap ? 2 : 1;
  return sets * std::clamp<std::uint64_t>((overlap ? window / 4 : window) / value, 1, kMaxWindowValues);
}

Bytes worker_bytes(Bytes largest_value, Bytes window, bool in_place, bool overlap) {
  return std::max(largest_value, Bytes(1)) * (window_values(largest_value, window, overlap) * (in_place ? 1 : 2) + 1);
}

Result<MemoryFit> fit_memory(const Model& model, const KvOptions& options, Tokens block_size, std::uint32_t workers,
                             bool in_place, Overlap overlap, Bytes quarter) {
  Room room{quarter, std::max(workers, 1U), in_place, overlap != Overlap::off};
  auto chosen = fit(model, options, block_size, room);
  if (overlap != Overlap::automatic) return chosen;
  room.overlap = false;
  auto single = fit(model, options, block_size, room);
  if (chosen && single && chosen->bytes_per_token == single->bytes_per_token) return chosen;
  return single;
}

}  // namespace kv
