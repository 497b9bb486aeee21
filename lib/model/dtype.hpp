#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace kv {

/// Element types of a KV cache. Values are written into stored headers: never renumber.
enum class Dtype : std::uint8_t { fp32 = 1, bf16 = 2, fp16 = 3, fp8_e4m3 = 4, int8 = 5 };

std::uint32_t dtype_bytes(Dtype dtype);
std::string_view dtype_name(Dtype dtype);
std::optional<Dtype> dtype_from_name(std::string_view name);
std::span<const Dtype> all_dtypes();

}  // namespace kv
