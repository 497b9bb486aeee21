// int8, int4 and fp8: what differs between the scaled codecs.
#include <fmt/format.h>

#include "codec/kernels.hpp"
#include "codec/rows.hpp"
#include "codec/scaled.hpp"

namespace kv {
namespace {

constexpr ScaledCodes kInt8Codes{127, 0.5, false, 1, kernels::int8_from_groups, kernels::groups_from_int8};
constexpr ScaledCodes kInt4Codes{7, 0.5, false, 2, kernels::int4_from_groups, kernels::groups_from_int4};
constexpr ScaledCodes kFp8Codes{448, 0x1p-4, true, 1, kernels::fp8_from_groups, kernels::groups_from_fp8};

constexpr std::size_t kFp8Run = 128;  // as DeepSeek-V3's FP8 tiles (arXiv 2412.19437, section 3.3.2)
constexpr std::uint64_t kLeastGroup = 8, kMostGroup = 4096;

Result<void> check_group(const OptionValues& options) {
  const std::uint64_t group = options.count("group");
  if (group >= kLeastGroup && group <= kMostGroup && group % 2 == 0) return {};
  return error(Code::bad_input, fmt::format("codec int4:{}: no group has {} elements", group, group),
               fmt::format("an even number from {} to {}; 64 is usual", kLeastGroup, kMostGroup));
}

}  // namespace

const CodecRow kInt8Row{
    .name = "int8",
    .number = 6,
    .summary = "whole numbers of 8 bits; K scaled per channel, V per token (KIVI, Liu et al. 2024)",
    .options = {},
    .make = [](const OptionValues&) -> Result<std::unique_ptr<Codec>> {
      return make_scaled({"int8", kInt8Codes, true, 0});
    },
};

const CodecRow kInt4Row{
    .name = "int4",
    .number = 7,
    .summary = "whole numbers of 4 bits, one scale for each group of elements",
    .options = {{"group", OptionKind::count, "64", "elements that share a scale: an even number from 8 to 4096"}},
    .make = [](const OptionValues& options) -> Result<std::unique_ptr<Codec>> {
      return make_scaled({"int4", kInt4Codes, false, options.count("group")});
    },
    .check = check_group,
};

const CodecRow kFp8Row{
    .name = "fp8",
    .number = 5,
    .summary = "floats of 8 bits (e4m3), one scale for each 128 elements",
    .options = {},
    .make = [](const OptionValues&) -> Result<std::unique_ptr<Codec>> {
      return make_scaled({"fp8", kFp8Codes, false, kFp8Run});
    },
};

}  // namespace kv
