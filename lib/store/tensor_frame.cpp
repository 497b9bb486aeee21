#include "store/tensor_frame.hpp"

#include <fmt/format.h>

namespace kv {
namespace {

constexpr std::uint64_t kMagic = 0x524f'534e'4554'564bULL;  // "KVTENSOR"

void put_word(std::span<std::byte> out, std::size_t word, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) out[word * 8 + i] = static_cast<std::byte>(value >> (8 * i) & 0xff);
}

std::uint64_t word_at(std::span<const std::byte> in, std::size_t word) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value |= std::to_integer<std::uint64_t>(in[word * 8 + i]) << (8 * i);
  return value;
}

bool floating(Dtype dtype) { return dtype == Dtype::fp32 || dtype == Dtype::bf16 || dtype == Dtype::fp16; }

}  // namespace

std::optional<std::uint64_t> KvTensors::bytes() const {
  if (!floating(dtype)) return std::nullopt;
  std::uint64_t product = 2 * std::uint64_t{dtype_bytes(dtype)};
  for (const std::uint64_t dim : dims) {
    if (dim == 0 || __builtin_mul_overflow(product, dim, &product)) return std::nullopt;
  }
  return product;
}

std::string KvTensors::text() const { return fmt::format("[{}, {}, {}, {}]", dims[0], dims[1], dims[2], dims[3]); }

void write_frame(const TensorFrame& frame, std::span<std::byte, TensorFrame::kBytes> out) {
  put_word(out, 0, kMagic);
  for (std::size_t i = 0; i < 4; ++i) put_word(out, 1 + i, frame.tensors.dims[i]);
  put_word(out, 5, frame.check);
  put_word(out, 6, 0);
  put_word(out, 7, 0);
}

Result<TensorFrame> read_frame(std::span<const std::byte> body, std::uint8_t dtype, std::uint64_t payload_bytes) {
  if (body.size() < TensorFrame::kBytes || word_at(body, 0) != kMagic || word_at(body, 6) != 0 ||
      word_at(body, 7) != 0) {
    return error(Code::corrupt, "a stored value holds no tensors");
  }
  TensorFrame frame;
  frame.tensors.dtype = static_cast<Dtype>(dtype);
  for (std::size_t i = 0; i < 4; ++i) frame.tensors.dims[i] = word_at(body, 1 + i);
  frame.check = word_at(body, 5);
  if (frame.tensors.bytes() != payload_bytes) {
    return error(Code::corrupt, fmt::format("a stored value of {} bytes says that it holds tensors of {}, type {}",
                                            payload_bytes, frame.tensors.text(), dtype));
  }
  return frame;
}

}  // namespace kv
