#include "backend/registry.hpp"

#include <array>

#include "backend/rows.hpp"

namespace kv {

std::span<const BackendRow> backends() {
  static const std::array rows{kNullRow, kLocalRow, kDeviceRow, kRedisRow, kRedissRow, kRedisUnixRow, kSpawnRedisRow};
  return rows;
}

Result<std::unique_ptr<Backend>> make_backend(const BackendSpec& spec) {
  for (const BackendRow& row : backends()) {
    if (row.scheme == spec.scheme) return row.make(spec);
  }
  return error(Code::bad_input, "no backend is called '" + spec.scheme + "'", "see kvbench list backends");
}

}  // namespace kv
