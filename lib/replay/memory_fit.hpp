#pragma once
#include <optional>

#include "model/kv_geometry.hpp"
#include "replay/overlap.hpp"

namespace kv {

/// The program itself, its recorders and tiles.
inline constexpr Bytes kProgramMemory = 64_MiB;
/// Values that move at once at most, however small they are.
inline constexpr std::size_t kMaxWindowValues = 64;

/// Slots that a window is cut into: as many values as fill it, at least one. With overlap two sets, each a quarter of
/// the window and at least one value: a step must be short beside the whole, or little of it overlaps.
std::size_t window_values(Bytes largest_value, Bytes window, bool overlap);
/// What one worker holds at once: those slots, each twice where the codec does not store the payload's own bytes
/// (`in_place`), and one value more to verify against.
Bytes worker_bytes(Bytes largest_value, Bytes window, bool in_place, bool overlap);

/// How a replay is made to fit.
struct MemoryFit {
  std::optional<std::uint64_t> bytes_per_token;  ///< as it was asked for, or chosen here; nullopt: real size
  Bytes window;                                  ///< of each worker: at most 32 MiB
  bool overlap = false;                          ///< counted in: there is room for two sets of slots
};

/// A replay and its backend share a quarter of the memory. Half of the quarter is for the windows of all workers, which
/// shrink down to one value each; the other half must hold a block, and an eighth more for how backends round. Where
/// one of the two does not fit at real size, payloads are scaled: to the largest power of two of bytes per token at
/// which both do and a block is no more than a sixteenth of the quarter, but to no less than one element a shard. Fails
/// (bad_input) where even that is too much, where the windows are too much at the bytes per token that `options` ask
/// for, and as KvGeometry::make does.
///
/// Room for overlap is found likewise where it is `on`; `automatic` gives it up before a payload is scaled further for
/// it.
Result<MemoryFit> fit_memory(const Model& model, const KvOptions& options, Tokens block_size, std::uint32_t workers,
                             bool in_place, Overlap overlap, Bytes quarter);

}  // namespace kv
