#pragma once
#include <string_view>

#include "base/result.hpp"

namespace kv {

/// Bytes per second, above 0: "25Gbps", "25Gb/s" (bits, decimal), "3.2GB/s", "3GiB/s". A number alone could be bits or
/// bytes, and is refused. The whole text must match, as in base/parse.hpp.
Result<double> parse_rate(std::string_view text);

}  // namespace kv
