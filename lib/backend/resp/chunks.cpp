#include "backend/resp/chunks.hpp"

#include <algorithm>
#include <bit>

namespace kv::resp {
namespace {

constexpr std::size_t kOverheadBytes = 64;  // of a string in Redis: its header, its end, and some to spare
constexpr std::size_t kLeastCut = std::size_t{16} << 10;  // what is lost below is less than another key would cost

/// The largest class of jemalloc that is no larger than `bytes`, bytes >= 64.
std::size_t class_below(std::size_t bytes) {
  const std::size_t quarter = std::bit_floor(bytes) / 4;
  return bytes / quarter * quarter;
}

std::size_t class_above(std::size_t bytes) {
  const std::size_t below = class_below(bytes);
  return below == bytes ? bytes : below + std::bit_floor(bytes) / 4;
}

/// The next chunk of the `rest` that no full chunk holds.
std::size_t next_cut(std::size_t rest) {
  if (rest < kLeastCut) return rest;
  const std::size_t taken = class_above(rest + kOverheadBytes);
  if ((taken - rest) * 50 <= rest) return rest;
  return class_below(rest + kOverheadBytes) - kOverheadBytes;
}

/// Calls visit(bytes) for each chunk.
template <class Visit>
void each_chunk(std::size_t body_bytes, std::size_t most, Visit&& visit) {
  std::size_t rest = body_bytes;
  while (rest >= most) visit(most), rest -= most;
  while (rest > 0) {
    const std::size_t chunk = next_cut(rest);
    visit(chunk);
    rest -= chunk;
  }
  if (body_bytes == 0) visit(0);
}

}  // namespace

void cut(std::size_t body_bytes, std::size_t most, std::vector<std::size_t>& out) {
  out.clear();
  each_chunk(body_bytes, most, [&out](std::size_t bytes) { out.push_back(bytes); });
}

std::size_t count_chunks(std::size_t body_bytes, std::size_t most) {
  std::size_t count = 0;
  const std::size_t whole = body_bytes / most, rest = body_bytes % most;
  each_chunk(rest, most, [&count](std::size_t) { ++count; });
  return rest == 0 && whole > 0 ? whole : whole + count;
}

std::size_t most_chunks(std::size_t body_bytes, std::size_t most) {
  constexpr std::size_t kMostOfRest = 8;  // each cut takes four fifths of it or more, down to 16 KiB
  return body_bytes / most + (std::min(body_bytes, most) < kLeastCut ? 1 : kMostOfRest);
}

}  // namespace kv::resp
