#pragma once
#include "backend/registry.hpp"

namespace kv {

/// The registry's rows, each defined beside its backend.
extern const BackendRow kNullRow, kLocalRow, kDeviceRow, kRedisRow, kRedissRow, kRedisUnixRow, kSpawnRedisRow;

}  // namespace kv
