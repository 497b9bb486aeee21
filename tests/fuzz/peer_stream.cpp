#include <cstdint>
#include <cstdlib>
#include <span>

#include "probe/peer_protocol.hpp"

/// Whatever a stranger sends, and however it comes in pieces: the same is owed for it, or the same refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(static_cast<const std::byte*>(static_cast<const void*>(data)), size);
  kv::probe::PeerStream whole("");
  const auto owed = whole.consume(bytes);
  kv::probe::PeerStream pieces("");
  std::uint64_t owed_in_pieces = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const auto more = pieces.consume(bytes.subspan(i, 1));
    if (!more) return owed ? std::abort(), 0 : 0;
    owed_in_pieces += *more;
  }
  if (!owed || *owed != owed_in_pieces) std::abort();
  return 0;
}
