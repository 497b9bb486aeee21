#include "probe/coding.hpp"

#include <algorithm>

namespace kv::probe {
namespace {

PayloadShape shape_for(std::size_t size, Dtype dtype) {
  PayloadShape shape{.dtype = dtype, .layers = 1, .planes = 2, .tokens = 1, .channels = kPayloadChannels};
  shape.tokens = std::max<std::uint64_t>(size / shape.bytes().count(), 1);
  return shape;
}

}  // namespace

Result<Coding> Coding::make(const CodecSpec& spec, std::size_t size, Dtype dtype, const FillPayload& fill) {
  auto codec = spec.make();
  if (!codec) return error(codec);
  Coding out;
  out.shape_ = shape_for(size, dtype);
  out.payload_.resize(out.shape_.bytes().count());
  fill(out.shape_, out.payload_);
  if ((*codec)->identity(out.shape_)) {
    out.payload_.resize(size);
    out.value_ = out.payload_;
    out.room_bytes_ = size;
    return out;
  }
  out.codec_ = std::move(*codec);
  out.decoded_.resize(out.payload_.size());
  out.room_bytes_ = out.codec_->bound(out.shape_);
  out.value_.resize(out.room_bytes_);
  const auto bytes = out.codec_->encode(out.shape_, out.payload_, out.value_);
  if (!bytes) return error(bytes);
  out.value_.resize(*bytes);
  return out;
}

Result<void> Coding::encode(std::span<std::byte> room) {
  const auto bytes = codec_->encode(shape_, payload_, room);
  if (!bytes) return error(bytes);
  if (*bytes != value_.size()) return error(Code::corrupt, "the codec made another value of the same payload");
  return {};
}

Result<void> Coding::decode(std::span<const std::byte> value) { return codec_->decode(shape_, value, decoded_); }

}  // namespace kv::probe
