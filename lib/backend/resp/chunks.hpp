#pragma once
#include <cstddef>
#include <vector>

namespace kv::resp {

/// The largest value that is stored. With the server's own 64 bytes or so it fits jemalloc's class of 1 MiB; a value of
/// exactly 1 MiB takes the next one, 1.25 MiB (MEMORY USAGE of Redis 7.0: 1,310,776 bytes).
inline constexpr std::size_t kDefaultChunkBytes = (std::size_t{1} << 20) - 4096;

/// The smallest that may be asked for: a manifest that claims less is garbled.
inline constexpr std::size_t kLeastChunkBytes = 256;

/// How a body is cut, in order: as many chunks of `most` as it fills, and the rest so that no more than 2 % of it is
/// lost to the server's allocator, whose classes are a quarter of a power of two apart (jemalloc, "size classes");
/// below 16 KiB nothing is cut any more. Writer and reader compute it from the two sizes alone. At least one chunk.
/// most > 0. Clears `out` first.
void cut(std::size_t body_bytes, std::size_t most, std::vector<std::size_t>& out);
/// As many as cut() makes.
std::size_t count_chunks(std::size_t body_bytes, std::size_t most);
/// That no body of up to `body_bytes` has more of.
std::size_t most_chunks(std::size_t body_bytes, std::size_t most);

}  // namespace kv::resp
