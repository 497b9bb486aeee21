#include "backend/resp/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "backend/resp/chunks.hpp"

namespace kv::resp {
namespace {

constexpr std::array kMagic{std::byte{'K'}, std::byte{'V'}, std::byte{'M'}, std::byte{'1'}};
constexpr std::uint32_t kVersion = 1;

/// Little-endian on every host.
template <class T>
void put(std::span<std::byte> out, std::size_t at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out[at + i] = static_cast<std::byte>(value >> (8 * i) & 0xff);
}

template <class T>
T get(std::span<const std::byte> in, std::size_t at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(static_cast<T>(in[at + i]) << (8 * i));
  return value;
}

tl::unexpected<Error> bad(std::string what) { return error(Code::corrupt, std::move(what)); }

}  // namespace

void Manifest::begin(std::span<std::byte> out, std::uint32_t parts, std::uint32_t chunk_bytes) {
  assert(out.size() == bytes(parts));
  std::fill(out.begin(), out.end(), std::byte{0});
  std::copy(kMagic.begin(), kMagic.end(), out.begin());
  put(out, kVersionAt, kVersion);
  put(out, kPartsAt, parts);
  put(out, kChunkBytesAt, chunk_bytes);
}

void Manifest::set(std::span<std::byte> manifest, std::uint32_t part, std::span<const std::byte> header,
                   std::uint64_t body_bytes) {
  assert(header.size() <= ValueHeader::kBytes);
  const std::size_t at = kPartsFrom + part * kPartBytes;
  put(manifest, at, body_bytes);
  std::copy(header.begin(), header.end(), manifest.begin() + static_cast<std::ptrdiff_t>(at + 8));
}

std::uint64_t Manifest::body_bytes(std::span<const std::byte> manifest, std::uint32_t part) {
  return get<std::uint64_t>(manifest, kPartsFrom + part * kPartBytes);
}

void Manifest::seal(std::span<std::byte> manifest) {
  put(manifest, manifest.size() - 8, body_checksum(manifest.first(manifest.size() - 8)));
}

Result<Manifest> Manifest::read(std::span<const std::byte> in, std::uint32_t parts) {
  if (in.size() != bytes(parts)) {
    return bad(fmt::format("manifest of {} bytes, one of {} parts has {}", in.size(), parts, bytes(parts)));
  }
  if (!std::equal(kMagic.begin(), kMagic.end(), in.begin())) return bad("not a kvkit manifest: its magic is another");
  // Before the checksum: another version may keep its checksum elsewhere.
  if (const auto version = get<std::uint32_t>(in, kVersionAt); version != kVersion) {
    return bad(fmt::format("manifest of version {}, this kvkit reads {}", version, kVersion));
  }
  const auto own = body_checksum(in.first(in.size() - 8));
  if (const auto stored = get<std::uint64_t>(in, in.size() - 8); stored != own) {
    return bad(fmt::format("manifest's checksum is {:016x}, its bytes give {:016x}", stored, own));
  }
  if (const auto count = get<std::uint32_t>(in, kPartsAt); count != parts) {
    return bad(fmt::format("manifest of {} parts, blocks of this run have {}", count, parts));
  }
  const auto chunk_bytes = get<std::uint32_t>(in, kChunkBytesAt);
  if (chunk_bytes < kLeastChunkBytes) return bad(fmt::format("manifest of chunks of {} bytes", chunk_bytes));
  return Manifest(in, chunk_bytes);
}

std::span<const std::byte, ValueHeader::kBytes> Manifest::header(std::uint32_t part) const {
  return bytes_.subspan(kPartsFrom + part * kPartBytes + 8).first<ValueHeader::kBytes>();
}

}  // namespace kv::resp
