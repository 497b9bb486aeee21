// fp16 and bf16: fp32 payloads in half the bytes.
#include <algorithm>
#include <cassert>

#include "codec/kernels.hpp"
#include "codec/rows.hpp"

namespace kv {
namespace {

struct Narrowing {
  const char* name;
  Tolerance tolerance;
  void (*narrow)(const std::byte*, std::byte*, std::size_t);
  void (*widen)(const std::byte*, std::byte*, std::size_t);
};

// Half a unit in the last place of 11 significant bits, and of the smallest subnormal, 2^-24.
constexpr Narrowing kFp16{"fp16",
                          {.relative = 0x1p-11, .absolute = 0x1p-25, .finite_up_to = 65504},
                          kernels::halves_from_floats,
                          kernels::floats_from_halves};
// 8 significant bits; subnormals as those of fp32, less 16 bits; the largest is 2^127 x (2 - 2^-7).
constexpr Narrowing kBf16{"bf16",
                          {.relative = 0x1p-8, .absolute = 0x1p-134, .finite_up_to = 0x1.fep127},
                          kernels::bf16_from_floats,
                          kernels::floats_from_bf16};

class Narrow final : public Codec {
 public:
  explicit Narrow(const Narrowing& how) : how_(how) {}

  std::size_t bound(const PayloadShape& shape) const override {
    return identity(shape) ? shape.bytes().count() : shape.elements() * sizeof(std::uint16_t);
  }
  bool identity(const PayloadShape& shape) const override { return shape.dtype != Dtype::fp32; }
  std::size_t element_bytes(const PayloadShape& shape) const override {
    return std::min<std::size_t>(dtype_bytes(shape.dtype), sizeof(std::uint16_t));
  }
  Tolerance tolerance(Dtype dtype) const override { return dtype == Dtype::fp32 ? how_.tolerance : Tolerance{}; }
  Result<std::size_t> encode(const PayloadShape& shape, std::span<const std::byte> payload,
                             std::span<std::byte> body) override {
    assert(payload.size() == shape.bytes().count() && body.size() >= bound(shape));
    if (identity(shape)) {
      std::copy(payload.begin(), payload.end(), body.begin());
    } else {
      how_.narrow(payload.data(), body.data(), shape.elements());
    }
    return bound(shape);
  }
  Result<void> decode(const PayloadShape& shape, std::span<const std::byte> body,
                      std::span<std::byte> payload) override {
    if (identity(shape)) return copy_exactly(body, payload);
    if (auto ok = check_body(*this, how_.name, shape, body, payload); !ok) return ok;
    how_.widen(body.data(), payload.data(), shape.elements());
    return {};
  }

 private:
  const Narrowing& how_;
};

}  // namespace

const CodecRow kFp16Row{
    .name = "fp16",
    .number = 2,
    .summary = "fp32 payloads rounded to IEEE half; payloads of 16 bits or fewer are stored as they are",
    .options = {},
    .make = [](const OptionValues&) -> Result<std::unique_ptr<Codec>> { return std::make_unique<Narrow>(kFp16); },
};

const CodecRow kBf16Row{
    .name = "bf16",
    .number = 4,
    .summary = "fp32 payloads rounded to bfloat16; payloads of 16 bits or fewer are stored as they are",
    .options = {},
    .make = [](const OptionValues&) -> Result<std::unique_ptr<Codec>> { return std::make_unique<Narrow>(kBf16); },
};

}  // namespace kv
