#include "codec/checksum.hpp"

#include <xxhash.h>
#ifdef KVKIT_XXHASH_DISPATCH  // cmake/KvkitChecksum.cmake has tried it
#include <xxh_x86dispatch.h>  // makes the names below those of the dispatching functions
#endif

#include <new>

namespace kv {

void RunningChecksum::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

RunningChecksum::RunningChecksum() : state_(XXH3_createState()) {
  if (!state_) throw std::bad_alloc();
  reset();
}

void RunningChecksum::reset() { XXH3_64bits_reset(state_.get()); }

void RunningChecksum::add(std::span<const std::byte> piece) {
  XXH3_64bits_update(state_.get(), piece.data(), piece.size());
}

std::uint64_t RunningChecksum::value() const { return XXH3_64bits_digest(state_.get()); }

std::uint64_t body_checksum(std::span<const std::byte> body) { return XXH3_64bits(body.data(), body.size()); }

}  // namespace kv
