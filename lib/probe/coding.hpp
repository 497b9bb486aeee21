#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "codec/codec.hpp"

namespace kv::probe {

/// Channels of a token's K, and of its V, in the payloads of a probe: of one head, so that small sizes have a whole
/// token.
inline constexpr std::uint64_t kPayloadChannels = 128;

/// Makes the payload that is encoded. The ratio of a compressor on anything but KV, or what is like it, says nothing.
using FillPayload = std::function<void(const PayloadShape& shape, std::span<std::byte> payload)>;

/// A codec with the payload that it encodes, and the value that comes out: for the raw codec any bytes, as they are.
/// Not thread-safe.
class Coding {
 public:
  /// `size`: of the payload: K and V of one head of 128 channels, rounded down to whole tokens unless the codec is raw.
  /// Code::unavailable if a library of the codec is not there.
  static Result<Coding> make(const CodecSpec& codec, std::size_t size, Dtype dtype, const FillPayload& fill);

  bool raw() const { return codec_ == nullptr; }
  std::size_t payload_bytes() const { return payload_.size(); }
  std::size_t value_bytes() const { return value_.size(); }
  std::span<const std::byte> value() const { return value_; }
  /// What encode() needs room for.
  std::size_t room_bytes() const { return room_bytes_; }
  /// Encodes the payload once more, to the front of `room`.
  Result<void> encode(std::span<std::byte> room);
  /// Decodes into a payload of its own; what it becomes is not looked at.
  Result<void> decode(std::span<const std::byte> value);

 private:
  std::unique_ptr<Codec> codec_;
  PayloadShape shape_;
  std::size_t room_bytes_ = 0;
  std::vector<std::byte> payload_, decoded_, value_;
};

}  // namespace kv::probe
