#include "model/dtype.hpp"

#include <array>

namespace kv {
namespace {

struct Row {
  Dtype dtype;
  std::string_view name;
  std::uint32_t bytes;
};

constexpr std::array<Row, 5> kRows{{{Dtype::fp32, "fp32", 4},
                                    {Dtype::bf16, "bf16", 2},
                                    {Dtype::fp16, "fp16", 2},
                                    {Dtype::fp8_e4m3, "fp8_e4m3", 1},
                                    {Dtype::int8, "int8", 1}}};
constexpr std::array<Dtype, 5> kAll{Dtype::fp32, Dtype::bf16, Dtype::fp16, Dtype::fp8_e4m3, Dtype::int8};

const Row* find(Dtype dtype) {
  for (const Row& row : kRows)
    if (row.dtype == dtype) return &row;
  return nullptr;
}

}  // namespace

std::uint32_t dtype_bytes(Dtype dtype) {
  const Row* row = find(dtype);
  return row ? row->bytes : 1;
}

std::string_view dtype_name(Dtype dtype) {
  const Row* row = find(dtype);
  return row ? row->name : "unknown";
}

std::optional<Dtype> dtype_from_name(std::string_view name) {
  for (const Row& row : kRows)
    if (row.name == name) return row.dtype;
  return std::nullopt;
}

std::span<const Dtype> all_dtypes() { return kAll; }

}  // namespace kv
