#pragma once
#include <span>

#include "base/units.hpp"

namespace kv {

/// What a pipeline takes that moves values in steps, a stage further at each, of which the copy over the GPUs' links is
/// modelled: the sum over all steps of the longer of the two. `measured[s]`: the wall time of step s without the copy.
/// `copies[b]`: the copy of the values that entered in step b. It runs beside step b + `shift`: 2 for a fetch
/// (transfer, decode, upload), -1 for a store, which it precedes (download, encode, transfer). A copy beside no step
/// stands alone.
///
/// The copy is taken to leave and enter memory of its own, as engines stage it in pinned buffers.
Duration lock_step(std::span<const Duration> measured, std::span<const Duration> copies, std::ptrdiff_t shift);

}  // namespace kv
