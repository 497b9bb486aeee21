#pragma once
#include <cstdint>
#include <string>

namespace kv::test {

/// The bytes of a safetensors file, right or wrong: the length of `header`, `header`, `data`.
inline std::string safetensors_file(const std::string& header, const std::string& data) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(static_cast<std::uint64_t>(header.size()) >> (8 * i) & 0xff);
  return out + header + data;
}

}  // namespace kv::test
