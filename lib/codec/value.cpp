#include "codec/value.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kv {
namespace {

constexpr std::array kMagic{std::byte{'K'}, std::byte{'V'}, std::byte{'V'}, std::byte{'1'}};
constexpr std::uint8_t kVersion = 2;

// Where each field begins; flags and what is not named (1 byte at 5) are zero.
constexpr std::size_t kVersionAt = 4, kReservedAt = 5, kDtypeAt = 6, kFlagsAt = 7, kPartAt = 8, kCodecAt = 12;
constexpr std::size_t kBodyBytesAt = 16, kPayloadBytesAt = 24, kSpaceAt = 32, kBlockAt = 40, kBodyXxh3At = 48;
constexpr std::size_t kOwnXxh3At = 56;
static_assert(kOwnXxh3At + sizeof(std::uint64_t) == ValueHeader::kBytes);

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

}  // namespace

void write_header(const ValueHeader& header, std::span<std::byte, ValueHeader::kBytes> out) {
  std::copy(kMagic.begin(), kMagic.end(), out.begin());
  put(out, kVersionAt, kVersion);
  put(out, kCodecAt, header.codec);
  put(out, kDtypeAt, header.dtype);
  put(out, kFlagsAt, std::uint8_t{0});
  put(out, kPartAt, header.part);
  put(out, kReservedAt, std::uint8_t{0});
  put(out, kBodyBytesAt, header.body_bytes);
  put(out, kPayloadBytesAt, header.payload_bytes);
  put(out, kSpaceAt, header.space);
  put(out, kBlockAt, header.block);
  put(out, kBodyXxh3At, header.body_xxh3);
  put(out, kOwnXxh3At, body_checksum(out.first<kOwnXxh3At>()));
}

Result<ValueHeader> read_header(std::span<const std::byte, ValueHeader::kBytes> in) {
  if (!std::equal(kMagic.begin(), kMagic.end(), in.begin())) {
    return error(Code::corrupt, fmt::format("not a kvkit value: it begins with {:08x}, not with the magic {:08x}",
                                            get<std::uint32_t>(in, 0), get<std::uint32_t>(kMagic, 0)));
  }
  // Before the checksum: another version may keep its checksum elsewhere.
  if (const auto version = get<std::uint8_t>(in, kVersionAt); version != kVersion) {
    return error(Code::corrupt, fmt::format("value header of version {}, this kvkit reads {}", version, kVersion),
                 "the server holds values of another kvkit: use another namespace or let them expire");
  }
  const std::uint64_t own = body_checksum(in.first<kOwnXxh3At>());
  if (const auto stored = get<std::uint64_t>(in, kOwnXxh3At); stored != own) {
    return error(Code::corrupt, fmt::format("value header's checksum is {:016x}, its bytes give {:016x}", stored, own));
  }
  if (get<std::uint8_t>(in, kFlagsAt) != 0 || get<std::uint8_t>(in, kReservedAt) != 0) {
    return error(Code::corrupt, "value header uses flags that this kvkit does not know");
  }
  ValueHeader header;
  header.codec = get<std::uint32_t>(in, kCodecAt);
  header.dtype = get<std::uint8_t>(in, kDtypeAt);
  header.part = get<std::uint32_t>(in, kPartAt);
  header.body_bytes = get<std::uint64_t>(in, kBodyBytesAt);
  header.payload_bytes = get<std::uint64_t>(in, kPayloadBytesAt);
  header.space = get<std::uint64_t>(in, kSpaceAt);
  header.block = get<std::uint64_t>(in, kBlockAt);
  header.body_xxh3 = get<std::uint64_t>(in, kBodyXxh3At);
  return header;
}

}  // namespace kv
