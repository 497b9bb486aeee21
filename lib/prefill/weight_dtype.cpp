#include "prefill/weight_dtype.hpp"

#include <array>
#include <cassert>

namespace kv {
namespace {

constexpr std::array<WeightDtypeRow, 6> kRows{{
    {WeightDtype::bf16, "bf16", 2, "16-bit brain floats"},
    {WeightDtype::fp16, "fp16", 2, "16-bit floats"},
    {WeightDtype::fp8, "fp8", 1, "8-bit floats with a scale a tensor or row, which weighs nothing"},
    {WeightDtype::int8, "int8", 1, "8-bit integers, activations too (W8A8)"},
    {WeightDtype::fp4, "fp4", 0.5625, "4-bit floats with an 8-bit scale for each 16 (NVFP4)"},
    {WeightDtype::int4, "int4", 0.515625,
     "4-bit integers with a 16-bit scale for each 128 (AWQ, GPTQ), computed in bf16"},
}};

}  // namespace

std::span<const WeightDtypeRow> weight_dtypes() { return kRows; }

const WeightDtypeRow& weight_dtype_row(WeightDtype dtype) {
  const auto at = static_cast<std::size_t>(dtype);
  assert(at < kRows.size() && kRows[at].dtype == dtype);
  return kRows[at];
}

std::optional<WeightDtype> weight_dtype_from_name(std::string_view name) {
  for (const WeightDtypeRow& row : kRows) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

double matrix_flops(const Gpu& gpu, WeightDtype dtype) {
  switch (dtype) {
    case WeightDtype::fp8:
      return gpu.fp8_flops.value_or(gpu.bf16_flops);
    case WeightDtype::int8:
      return gpu.int8_flops.value_or(gpu.bf16_flops);
    case WeightDtype::fp4:
      return gpu.fp4_flops.value_or(gpu.bf16_flops);
    case WeightDtype::bf16:
    case WeightDtype::fp16:
    case WeightDtype::int4:
      break;
  }
  return gpu.bf16_flops;
}

}  // namespace kv
