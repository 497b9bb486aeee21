#pragma once
#include <cmath>
#include <string>

#include "base/parse.hpp"

namespace kv {

/// "12,031 dollars", "-5 dollars": for sentences.
inline std::string dollars(double usd) {
  const std::string digits = format_count(static_cast<std::uint64_t>(std::llround(std::abs(usd))));
  return (usd <= -0.5 ? "-" : "") + digits + " dollars";
}

}  // namespace kv
