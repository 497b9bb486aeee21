#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "codec/checksum.hpp"

namespace kv {

/// What stands in front of every stored body: 64 bytes, little-endian, version 2. Magic "KVV1", version, dtype, flags,
/// part, CodecSpec::id, body and payload sizes, the key's two words, XXH3-64 of the body, and of the header itself.
struct ValueHeader {
  static constexpr std::size_t kBytes = 64;
  std::uint32_t codec = 0;  ///< CodecSpec::id: its stages
  std::uint8_t dtype = 0;
  std::uint32_t part = 0;
  std::uint64_t space = 0, block = 0;  ///< of the Key: a value under another key is corrupt
  std::uint64_t body_bytes = 0, payload_bytes = 0;
  std::uint64_t body_xxh3 = 0;

  bool operator==(const ValueHeader&) const = default;
};

void write_header(const ValueHeader& header, std::span<std::byte, ValueHeader::kBytes> out);
/// Fails (corrupt) with what is wrong: magic, version, own checksum.
Result<ValueHeader> read_header(std::span<const std::byte, ValueHeader::kBytes> in);

}  // namespace kv
