#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/units.hpp"

namespace kv {

/// Checked readers of what a user types. The whole text must match; overflow, NaN and signs are errors that quote
/// the text and say what was expected. None allocates beyond its message.
Result<std::uint64_t> parse_count(std::string_view text);  ///< "12", "12k", "3M" (powers of 1000)
Result<Bytes> parse_bytes(std::string_view text);          ///< "4096", "64KiB", "8GiB", "1GB" (1 GB = 10^9)
Result<Duration> parse_duration(std::string_view text);    ///< "250ms", "1.5s", "10m", "1h", "2d"; a unit is required
Result<double> parse_ratio(std::string_view text);         ///< "0.25" or "25%", within [0, 1]

std::string format_bytes(Bytes bytes);          ///< "64.0 MiB": binary units, three significant digits
std::string format_duration(Duration d);        ///< "1.25 ms"
std::string format_count(std::uint64_t count);  ///< "12,031"

/// What the user typed, between quotes, cut at 60 characters and without control characters: a terminal survives it.
std::string quote(std::string_view text);

/// The candidate closest to `word` by edit distance, if close enough to be a likely slip of the finger.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace kv
