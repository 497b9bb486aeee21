#include "backend/arena.hpp"

#include <algorithm>
#include <cassert>

namespace kv {
namespace {

/// Calls copy(first granule, offset in the buffer, bytes) for each run of neighbours.
template <class Copy>
Result<void> for_each_run(std::size_t granule_bytes, std::span<const Granule> granules, std::size_t bytes,
                          Copy&& copy) {
  assert(granules.size() * granule_bytes >= bytes);
  for (std::size_t begin = 0, offset = 0; offset < bytes;) {
    std::size_t end = begin + 1;
    while (end < granules.size() && granules[end] == granules[end - 1] + 1) ++end;
    const std::size_t run = std::min((end - begin) * granule_bytes, bytes - offset);
    if (auto copied = copy(granules[begin], offset, run); !copied) return copied;
    offset += run;
    begin = end;
  }
  return {};
}

}  // namespace

Result<void> write_granules(Arena& arena, std::size_t granule_bytes, std::span<const Granule> granules,
                            std::span<const std::byte> from) {
  return for_each_run(granule_bytes, granules, from.size(), [&](Granule first, std::size_t offset, std::size_t bytes) {
    return arena.write(first, from.subspan(offset, bytes));
  });
}

Result<void> read_granules(Arena& arena, std::size_t granule_bytes, std::span<const Granule> granules,
                           std::span<std::byte> into) {
  return for_each_run(granule_bytes, granules, into.size(), [&](Granule first, std::size_t offset, std::size_t bytes) {
    return arena.read(first, into.subspan(offset, bytes));
  });
}

Result<void> read_granules(Arena& arena, std::size_t granule_bytes, std::span<const Granule> granules,
                           std::span<std::byte> into, RunningChecksum& checksum) {
  const std::size_t step = std::max<std::size_t>(RunningChecksum::kPieceBytes / granule_bytes, 1);
  for (std::size_t at = 0; at * granule_bytes < into.size(); at += step) {
    const std::size_t offset = at * granule_bytes;
    const std::span<std::byte> piece = into.subspan(offset, std::min(step * granule_bytes, into.size() - offset));
    const auto from = granules.subspan(at, std::min(step, granules.size() - at));
    if (auto read = read_granules(arena, granule_bytes, from, piece); !read) return read;
    checksum.add(piece);
  }
  return {};
}

bool GranuleHeap::take(std::size_t count, std::vector<Granule>& out) {
  if (count > free_.size() + (granules_ - fresh_)) return false;
  const std::size_t reused = std::min(count, free_.size());
  out.insert(out.end(), free_.rbegin(), free_.rbegin() + static_cast<std::ptrdiff_t>(reused));
  free_.resize(free_.size() - reused);
  for (std::size_t i = reused; i < count; ++i) out.push_back(fresh_++);
  return true;
}

void GranuleHeap::give_back(std::span<const Granule> granules) {
  free_.insert(free_.end(), granules.rbegin(), granules.rend());
}

}  // namespace kv
