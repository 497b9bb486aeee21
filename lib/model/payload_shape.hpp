#pragma once
#include <cstdint>

#include "base/units.hpp"
#include "model/dtype.hpp"

namespace kv {

/// The bytes of one part of one block, contiguous as [layers][planes][tokens][channels] of `dtype`.
/// planes: 2 for K then V, 1 for an MLA latent or a state. channels: kv heads x head dim of this shard (scales of
/// quantized KV ride along as further channels). Layers x planes x channels x element bytes is the weight of a token.
struct PayloadShape {
  Dtype dtype = Dtype::bf16;
  std::uint32_t layers = 1, planes = 1;
  std::uint64_t tokens = 0, channels = 1;

  std::uint64_t elements() const { return std::uint64_t{layers} * planes * tokens * channels; }
  Bytes bytes() const { return Bytes(elements() * dtype_bytes(dtype)); }
  bool operator==(const PayloadShape&) const = default;
};

}  // namespace kv
