#include "base/rate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/parse.hpp"

namespace kv {
namespace {

struct Unit {
  std::string_view name;
  double bytes_per_s;
};
constexpr std::array kUnits{Unit{"kbps", 1e3 / 8}, Unit{"Mbps", 1e6 / 8}, Unit{"Gbps", 1e9 / 8}, Unit{"Tbps", 1e12 / 8},
                            Unit{"kb/s", 1e3 / 8}, Unit{"Mb/s", 1e6 / 8}, Unit{"Gb/s", 1e9 / 8}, Unit{"Tb/s", 1e12 / 8},
                            Unit{"B/s", 1},        Unit{"kB/s", 1e3},     Unit{"MB/s", 1e6},     Unit{"GB/s", 1e9},
                            Unit{"TB/s", 1e12},    Unit{"KiB/s", 0x1p10}, Unit{"MiB/s", 0x1p20}, Unit{"GiB/s", 0x1p30}};

}  // namespace

Result<double> parse_rate(std::string_view text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + end, value, std::chars_format::fixed);
  const auto* const unit =
      std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == text.substr(end); });
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + end && unit != kUnits.end() && value > 0) {
    return value * unit->bytes_per_s;
  }
  return error(Code::bad_input, fmt::format("{} is not a rate above 0", quote(text)),
               "write it like 25Gbps (bits) or 3.2GB/s (bytes)");
}

}  // namespace kv
