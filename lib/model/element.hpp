#pragma once
#include <cstddef>

#include "model/dtype.hpp"

namespace kv {

/// One element between float and its stored bytes (native byte order); the specification that faster kernels are held
/// to. Rounds to nearest, ties to even; beyond the largest finite value: infinity, or for fp8_e4m3 (no infinities)
/// and int8 the largest value. int8 elements are whole numbers.
void store_element(Dtype dtype, float value, std::byte* to);
float load_element(Dtype dtype, const std::byte* from);

}  // namespace kv
