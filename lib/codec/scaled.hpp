#pragma once
#include <vector>

#include "codec/codec.hpp"

namespace kv {

/// Where the groups of a region (the [tokens][channels] of one layer and plane) lie: elements of a group share a scale.
enum class Grouping {
  channels,  ///< a channel over all tokens
  rows,      ///< a token over all channels
  runs,      ///< so many elements that follow each other, whatever their token
};

/// The codes of a scaled codec: how many bytes a group of them takes, and the kernels that make and read them.
struct ScaledCodes {
  float largest_code;
  double error;  ///< of a code, in codes, where it is absolute (int8, int4); of the element where `relative`
  bool relative;
  std::size_t codes_per_byte;
  void (*encode)(const float* from, std::size_t count, std::size_t group, const float* inverse, std::byte* to);
  void (*decode)(const std::byte* from, std::size_t count, std::size_t group, const float* scale, float largest_element,
                 float* to);
};

/// int8, int4 and fp8: a body is, region after region, the bfloat16 scales of its groups and then their codes. Payloads
/// whose elements have 8 bits are stored as they are. `runs`: elements of a group where it is not given by the shape.
struct ScaledFormat {
  const char* name;
  ScaledCodes codes;
  bool keys_by_channel;  ///< plane 0 of two (K) is grouped by channel, the rest by token; else all of it in runs
  std::size_t run = 0;
};
std::unique_ptr<Codec> make_scaled(const ScaledFormat& format);

}  // namespace kv
