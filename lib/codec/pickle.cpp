#include <fmt/format.h>

#include "codec/rows.hpp"
#include "torch/loader.hpp"

namespace kv {
namespace {

static_assert(static_cast<int>(Dtype::fp32) == KVKIT_TORCH_FP32 && static_cast<int>(Dtype::bf16) == KVKIT_TORCH_BF16 &&
              static_cast<int>(Dtype::fp16) == KVKIT_TORCH_FP16 &&
              static_cast<int>(Dtype::fp8_e4m3) == KVKIT_TORCH_FP8 &&
              static_cast<int>(Dtype::int8) == KVKIT_TORCH_INT8);

KvTorchShape torch_shape(const PayloadShape& shape) {
  return {static_cast<std::uint32_t>(shape.dtype), shape.layers, shape.planes, 0, shape.tokens, shape.channels};
}

class Pickle final : public Codec {
 public:
  static Result<std::unique_ptr<Codec>> make(const OptionValues&) {
    const auto module = torch_module();
    if (!module) return error(module);
    KvTorchPickler* pickler = nullptr;
    TorchMessage why;
    if ((*module)->pickler_create(&pickler, why.data(), why.size()) != 0) return error(Code::unavailable, why.text());
    return std::unique_ptr<Codec>(new Pickle(**module, pickler));
  }
  ~Pickle() override { torch_.pickler_destroy(pickler_); }
  Pickle(const Pickle&) = delete;
  Pickle& operator=(const Pickle&) = delete;

  std::size_t bound(const PayloadShape& shape) const override {
    const KvTorchShape torch = torch_shape(shape);
    return torch_.pickle_bound(&torch);
  }
  Result<std::size_t> encode(const PayloadShape& shape, std::span<const std::byte> payload,
                             std::span<std::byte> body) override {
    const KvTorchShape torch = torch_shape(shape);
    TorchMessage why;
    std::uint64_t written = 0;
    if (torch_.pickle_encode(pickler_, &torch, payload.data(), body.data(), body.size(), &written, why.data(),
                             why.size()) != 0) {
      return error(Code::io, why.text());
    }
    return written;
  }
  Result<void> decode(const PayloadShape& shape, std::span<const std::byte> body,
                      std::span<std::byte> payload) override {
    const KvTorchShape torch = torch_shape(shape);
    TorchMessage why;
    if (payload.size() != shape.bytes().count()) {
      return error(Code::corrupt, fmt::format("no payload of {} bytes has this shape", payload.size()));
    }
    if (torch_.pickle_decode(pickler_, &torch, body.data(), body.size(), payload.data(), why.data(), why.size()) != 0) {
      return error(Code::corrupt, why.text());
    }
    return {};
  }

 private:
  Pickle(const KvTorchModule& torch, KvTorchPickler* pickler) : torch_(torch), pickler_(pickler) {}

  const KvTorchModule& torch_;
  KvTorchPickler* pickler_;
};

}  // namespace

const CodecRow kPickleRow{
    .name = "pickle",
    .number = 3,
    .summary = "LibTorch's own serialization (torch.save), the yardstick of a straightforward cache; needs LibTorch",
    .options = {},
    .make = Pickle::make,
};

}  // namespace kv
