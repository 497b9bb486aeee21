#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/dtype.hpp"

/// The loops of the codecs, compiled for every vector instruction set that Highway knows and chosen at run time. Each
/// does, element by element, what half.hpp, bfloat.hpp, fp8.hpp and quantise.hpp specify; a test holds every target to
/// them, bit by bit. Nothing need be aligned unless it says so. Thread-safe.
namespace kv::kernels {

/// Between elements of fp32 and of half their size, either way. Where both ends together are larger than a cache, the
/// result is written past it.
void halves_from_floats(const std::byte* from, std::byte* to, std::size_t count);
void floats_from_halves(const std::byte* from, std::byte* to, std::size_t count);
void bf16_from_floats(const std::byte* from, std::byte* to, std::size_t count);
void floats_from_bf16(const std::byte* from, std::byte* to, std::size_t count);

/// Elements of fp32, bf16 or fp16 as floats, and back.
void load_floats(Dtype dtype, const std::byte* from, float* to, std::size_t count);
void store_floats(Dtype dtype, const float* from, std::byte* to, std::size_t count);

/// largest[i] = max(largest[i], finite_magnitude(row[i])).
void column_magnitudes(const float* row, std::uint32_t* largest, std::size_t count);
/// The largest finite_magnitude of each `group` elements, the last group perhaps shorter.
void group_magnitudes(const float* from, std::size_t count, std::size_t group, std::uint32_t* largest);

/// integer_code of every element, with one inverse scale for each.
void int8_from_columns(const float* row, const float* inverse, std::byte* to, std::size_t count);
void columns_from_int8(const std::byte* from, const float* scale, float largest_element, float* row, std::size_t count);

/// With one scale (inverse) for each `group` elements.
void int8_from_groups(const float* from, std::size_t count, std::size_t group, const float* inverse, std::byte* to);
void groups_from_int8(const std::byte* from, std::size_t count, std::size_t group, const float* scale,
                      float largest_element, float* to);
void fp8_from_groups(const float* from, std::size_t count, std::size_t group, const float* inverse, std::byte* to);
void groups_from_fp8(const std::byte* from, std::size_t count, std::size_t group, const float* scale,
                     float largest_element, float* to);
/// A group of n elements takes ceil(n / 2) bytes: the first half of its codes in the low nibbles, the rest in the high.
void int4_from_groups(const float* from, std::size_t count, std::size_t group, const float* inverse, std::byte* to);
void groups_from_int4(const std::byte* from, std::size_t count, std::size_t group, const float* scale,
                      float largest_element, float* to);

/// For tests: the instruction sets that this machine has, and restricting all of the above to one (0: the best again).
/// Not while another thread uses a kernel.
std::vector<std::int64_t> targets();
void use_target(std::int64_t target);
const char* target_name(std::int64_t target);

}  // namespace kv::kernels
