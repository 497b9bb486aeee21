#pragma once
#include "backend/registry.hpp"

namespace kv {
extern const BackendRow kNullRow, kLocalRow, kDeviceRow, kRedisRow, kRedisUnixRow, kSpawnRedisRow;
}
