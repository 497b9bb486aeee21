#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "codec/half.hpp"
#include "codec/rows.hpp"

namespace kv {
namespace {

// Byte pointers, because neither end need be aligned; the compilers turn the copies into plain vector loads.
void halves_from_floats(const std::byte* __restrict from, std::byte* __restrict to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    float value;
    std::memcpy(&value, from + i * sizeof value, sizeof value);
    const std::uint16_t half = half_from_float(value);
    std::memcpy(to + i * sizeof half, &half, sizeof half);
  }
}

void floats_from_halves(const std::byte* __restrict from, std::byte* __restrict to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    std::uint16_t half;
    std::memcpy(&half, from + i * sizeof half, sizeof half);
    const float value = float_from_half(half);
    std::memcpy(to + i * sizeof value, &value, sizeof value);
  }
}

bool halves(const PayloadShape& shape) { return shape.dtype == Dtype::fp32; }

class Fp16 final : public Codec {
 public:
  std::size_t bound(const PayloadShape& shape) const override {
    return halves(shape) ? shape.elements() * sizeof(std::uint16_t) : shape.bytes().count();
  }
  bool identity(const PayloadShape& shape) const override { return !halves(shape); }
  Tolerance tolerance(Dtype dtype) const override {
    // Half a unit in the last place of 11 significant bits, and of the smallest subnormal, 2^-24.
    return dtype == Dtype::fp32 ? Tolerance{.relative = 0x1p-11, .absolute = 0x1p-25, .finite_up_to = 65504}
                                : Tolerance{};
  }
  Result<std::size_t> encode(const PayloadShape& shape, std::span<const std::byte> payload,
                             std::span<std::byte> body) override {
    assert(payload.size() == shape.bytes().count() && body.size() >= bound(shape));
    if (halves(shape)) {
      halves_from_floats(payload.data(), body.data(), shape.elements());
    } else {
      std::copy(payload.begin(), payload.end(), body.begin());
    }
    return bound(shape);
  }
  Result<void> decode(const PayloadShape& shape, std::span<const std::byte> body,
                      std::span<std::byte> payload) override {
    if (!halves(shape)) return copy_exactly(body, payload);
    if (payload.size() != shape.bytes().count() || body.size() != bound(shape)) {
      return error(Code::corrupt, fmt::format("body of {} bytes, fp16 makes {} of a payload of {}", body.size(),
                                              bound(shape), payload.size()));
    }
    floats_from_halves(body.data(), payload.data(), shape.elements());
    return {};
  }
};

Result<std::unique_ptr<Codec>> make_fp16(const OptionValues&) { return std::make_unique<Fp16>(); }

}  // namespace

const CodecRow kFp16Row{
    .name = "fp16",
    .number = 2,
    .summary = "fp32 payloads rounded to IEEE half; payloads of 16 bits or fewer are stored as they are",
    .options = {},
    .make = make_fp16,
};

}  // namespace kv
