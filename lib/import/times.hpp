#pragma once
#include <optional>
#include <string_view>

#include "base/units.hpp"

namespace kv {

/// "2023-11-16 18:17:03.9799600", with a T, up to nine decimals, and Z or an offset like +00:00 (none: UTC), as time
/// since 1970. nullopt for anything else, and for years before 1970 or after 2261.
std::optional<Duration> parse_date_time(std::string_view text);

/// "12.345" as a time of so many seconds, exactly to the nanosecond; nullopt for anything else (signs, exponents, NaN),
/// and beyond 285 years.
std::optional<Duration> parse_seconds(std::string_view text);

}  // namespace kv
