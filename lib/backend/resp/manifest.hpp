#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "base/result.hpp"
#include "codec/value.hpp"

namespace kv::resp {

/// The small value that says that a block is there: written after all chunks of all its parts, read at lookup. 24 bytes
/// and 72 a part, little-endian: magic "KVM1", version, parts, chunk bytes; of every part the bytes of its body and its
/// header as the caller gave it (what is in it is the caller's matter); XXH3-64 of all before it.
class Manifest {
 public:
  static constexpr std::size_t bytes(std::uint32_t parts) { return kPartsFrom + parts * kPartBytes + 8; }

  /// Prepares `out`, which has bytes(parts), for set().
  static void begin(std::span<std::byte> out, std::uint32_t parts, std::uint32_t chunk_bytes);
  static void set(std::span<std::byte> manifest, std::uint32_t part, std::span<const std::byte> header,
                  std::uint64_t body_bytes);
  /// What set() was given, or 0 where it was not called since begin().
  static std::uint64_t body_bytes(std::span<const std::byte> manifest, std::uint32_t part);
  /// Once all parts are set.
  static void seal(std::span<std::byte> manifest);

  /// Fails (corrupt) with what is wrong unless `in` is a whole manifest of so many parts.
  static Result<Manifest> read(std::span<const std::byte> in, std::uint32_t parts);

  std::uint32_t chunk_bytes() const { return chunk_bytes_; }
  /// Of the memory that was read; lives as long as that does.
  std::span<const std::byte, ValueHeader::kBytes> header(std::uint32_t part) const;
  std::uint64_t body_bytes(std::uint32_t part) const { return body_bytes(bytes_, part); }

 private:
  static constexpr std::size_t kVersionAt = 4, kPartsAt = 8, kChunkBytesAt = 12, kPartsFrom = 16;
  static constexpr std::size_t kPartBytes = 8 + ValueHeader::kBytes;
  Manifest(std::span<const std::byte> bytes, std::uint32_t chunk_bytes) : bytes_(bytes), chunk_bytes_(chunk_bytes) {}

  std::span<const std::byte> bytes_;
  std::uint32_t chunk_bytes_;
};

}  // namespace kv::resp
