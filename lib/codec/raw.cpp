#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "codec/rows.hpp"

namespace kv {
namespace {

class Raw final : public Codec {
 public:
  std::size_t bound(const PayloadShape& shape) const override { return shape.bytes().count(); }
  bool identity(const PayloadShape&) const override { return true; }
  Result<std::size_t> encode([[maybe_unused]] const PayloadShape& shape, std::span<const std::byte> payload,
                             std::span<std::byte> body) override {
    assert(payload.size() == shape.bytes().count() && body.size() >= payload.size());
    std::copy(payload.begin(), payload.end(), body.begin());
    return payload.size();
  }
  Result<void> decode(const PayloadShape&, std::span<const std::byte> body, std::span<std::byte> payload) override {
    return copy_exactly(body, payload);
  }
};

Result<std::unique_ptr<Codec>> make_raw(const OptionValues&) { return std::make_unique<Raw>(); }

}  // namespace

Result<void> copy_exactly(std::span<const std::byte> body, std::span<std::byte> payload) {
  if (body.size() != payload.size()) {
    return error(Code::corrupt, fmt::format("body of {} bytes, the payload has {}", body.size(), payload.size()));
  }
  std::copy(body.begin(), body.end(), payload.begin());
  return {};
}

Result<void> check_body(const Codec& codec, std::string_view name, const PayloadShape& shape,
                        std::span<const std::byte> body, std::span<const std::byte> payload) {
  if (payload.size() == shape.bytes().count() && body.size() == codec.bound(shape)) return {};
  return error(Code::corrupt, fmt::format("body of {} bytes, {} makes {} of a payload of {}", body.size(), name,
                                          codec.bound(shape), payload.size()));
}

const CodecRow kRawRow{
    .name = "raw",
    .number = 1,
    .summary = "the payload as it is, without a copy",
    .options = {},
    .make = make_raw,
};

}  // namespace kv
