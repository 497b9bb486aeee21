#pragma once
#include <vector>

#include "model/kv_geometry.hpp"

namespace kv {

/// More KV than any model has for one token: beyond it a config is taken to be wrong.
inline constexpr std::uint64_t kMaxKvBytesPerToken = 1 << 28;

/// How one pipeline stage's KV is cut for its tensor-parallel ranks.
struct KvShards {
  std::uint32_t count = 1;          ///< values stored
  std::uint32_t upload_copies = 1;  ///< ranks that need each of them
  std::uint32_t planes = 2;
  std::uint64_t channels = 0;  ///< of one value, in elements, scales included
};

/// Fails (bad_input) if tp and the KV heads do not divide each other.
Result<KvShards> cut_shards(const Model& model, const KvOptions& options);
/// The parts of a block as the engine lays them out: for each stage, full, window and state, each for every shard; with
/// KvLayout::layer each for every layer, and that for every shard.
std::vector<KvPart> real_parts(const Model& model, const KvOptions& options, const KvShards& shards, Tokens block_size);
/// One full part for every shard and stage (with KvLayout::layer: and layer), that together weigh exactly
/// options.bytes_per_token, which must be given. Fails (bad_input) if whole elements cannot do that.
Result<std::vector<KvPart>> scaled_parts(const Model& model, const KvOptions& options, const KvShards& shards);

}  // namespace kv
