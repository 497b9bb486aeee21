#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "model/dtype.hpp"
#include "model/payload_shape.hpp"

namespace kv {

/// K and, the same, V of one layer: contiguous [batch, heads, tokens, head_dim] of fp32, bf16 or fp16.
struct KvTensors {
  Dtype dtype = Dtype::bf16;
  std::array<std::uint64_t, 4> dims{};

  /// Bytes of K and V together, more than 0; nullopt where there are none, they are no number of 64 bits, or the dtype
  /// is another.
  std::optional<std::uint64_t> bytes() const;
  /// As codecs have them: every token of every head is a row.
  PayloadShape payload_shape() const { return {dtype, 1, 2, dims[0] * dims[1] * dims[2], dims[3]}; }
  std::string text() const;  ///< "[1, 32, 128, 64]"
};

/// What a stored body of tensors begins with: 64 bytes, little-endian. Magic "KVTENSOR", the four sizes, a second hash
/// of the key, 16 bytes of 0.
struct TensorFrame {
  static constexpr std::size_t kBytes = 64;
  KvTensors tensors;
  std::uint64_t check = 0;
};
void write_frame(const TensorFrame& frame, std::span<std::byte, TensorFrame::kBytes> out);
/// `dtype` and `payload_bytes` are those of the value's header. Fails (corrupt) where they and the frame are not of one
/// pair of tensors; so bytes() of what is returned is payload_bytes.
Result<TensorFrame> read_frame(std::span<const std::byte> body, std::uint8_t dtype, std::uint64_t payload_bytes);

}  // namespace kv
