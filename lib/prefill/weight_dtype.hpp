#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "model/model.hpp"

namespace kv {

/// How an engine holds a model's weights, which need not be how it holds its KV.
enum class WeightDtype { bf16, fp16, fp8, int8, fp4, int4 };

struct WeightDtypeRow {
  WeightDtype dtype;
  std::string_view name;
  double bytes;  ///< a parameter, scales included
  std::string_view summary;
};
/// In the order in which they are listed. Static data.
std::span<const WeightDtypeRow> weight_dtypes();
const WeightDtypeRow& weight_dtype_row(WeightDtype dtype);
std::optional<WeightDtype> weight_dtype_from_name(std::string_view name);

/// Peak FLOP/s of the GPU's matrix units on such weights. A GPU that lacks them converts to bf16 and computes at that
/// peak; what it saves is the traffic. 4-bit integers are always computed so: their kernels multiply in 16 bits.
double matrix_flops(const Gpu& gpu, WeightDtype dtype);

}  // namespace kv
