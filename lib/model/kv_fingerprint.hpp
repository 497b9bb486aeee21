#pragma once
#include <cstdint>

#include "model/kv_geometry.hpp"

namespace kv {

/// XXH3-64 over a canonical text of everything that makes two caches' bytes incompatible: model, revision and shape,
/// dtype and layout, block size, TP, PP and replication, rope scaling, adapter, tenant salt, scaling. Stable between
/// processes, machines and releases of one layout version.
std::uint64_t kv_fingerprint(const Model& model, const KvOptions& options, Tokens block_size);

}  // namespace kv
