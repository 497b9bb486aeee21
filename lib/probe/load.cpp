#include "probe/load.hpp"

#include "backend/resp/chunks.hpp"

namespace kv::probe {

std::string_view operation_name(Operation operation) {
  switch (operation) {
    case Operation::get:
      return "GET";
    case Operation::set:
      return "SET";
    case Operation::exists:
      break;
  }
  return "EXISTS";
}

Cut Cut::of(std::size_t value_bytes, std::size_t chunk_bytes) {
  Cut out;
  out.begins_ = {0, value_bytes};
  if (value_bytes <= chunk_bytes) return out;
  std::vector<std::size_t> chunks;
  resp::cut(value_bytes, chunk_bytes, chunks);
  out.begins_.resize(1);
  for (const std::size_t bytes : chunks) out.begins_.push_back(out.begins_.back() + bytes);
  return out;
}

}  // namespace kv::probe
