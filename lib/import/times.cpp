#include "import/times.hpp"

#include <charconv>

namespace kv {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000, kMaxSeconds = 9'000'000'000;

/// Exactly `digits` digits at the front, taken off.
std::optional<int> take(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits || text.substr(0, digits).find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  std::from_chars(text.data(), text.data() + digits, value);
  text.remove_prefix(digits);
  return value;
}

bool skip(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// ".9799600" at the front, as nanoseconds; 0 without a point.
std::optional<std::int64_t> take_fraction(std::string_view& text) {
  if (!skip(text, ".")) return 0;
  std::int64_t ns = 0, place = kNsPerSecond;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    place /= 10;  // 0 from the tenth digit on
    ns += (text.front() - '0') * place;
    text.remove_prefix(1);
  }
  if (place == kNsPerSecond) return std::nullopt;
  return ns;
}

/// Offset of a zone, in seconds.
std::optional<std::int64_t> take_zone(std::string_view& text) {
  if (text.empty() || skip(text, "Zz")) return 0;
  const bool west = text.front() == '-';
  if (!skip(text, "+-")) return std::nullopt;
  const auto hours = take(text, 2);
  skip(text, ":");
  const auto minutes = text.empty() ? 0 : take(text, 2);
  if (!hours || !minutes || *hours > 14 || *minutes > 59) return std::nullopt;
  const std::int64_t offset = *hours * 3600 + *minutes * 60;
  return west ? -offset : offset;
}

}  // namespace

std::optional<Duration> parse_date_time(std::string_view text) {
  const auto year = take(text, 4);
  if (!year || *year < 1970 || *year > 2261 || !skip(text, "-")) return std::nullopt;
  const auto month = take(text, 2);
  if (!month || !skip(text, "-")) return std::nullopt;
  const auto day = take(text, 2);
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(day.value_or(0))));
  if (!date.ok() || !skip(text, " T")) return std::nullopt;
  const auto hour = take(text, 2);
  if (!hour || *hour > 23 || !skip(text, ":")) return std::nullopt;
  const auto minute = take(text, 2);
  if (!minute || *minute > 59 || !skip(text, ":")) return std::nullopt;
  const auto second = take(text, 2);
  if (!second || *second > 60) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto zone = take_zone(text);
  if (!zone || !text.empty()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = days * 86400 + *hour * std::int64_t{3600} + *minute * std::int64_t{60} + *second - *zone;
  if (seconds < 0) return std::nullopt;
  return Duration(seconds * kNsPerSecond + *fraction);
}

std::optional<Duration> parse_seconds(std::string_view text) {
  std::int64_t whole = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (parsed.ec != std::errc() || text.front() == '-' || whole > kMaxSeconds) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  const auto fraction = take_fraction(text);
  if (!fraction || !text.empty()) return std::nullopt;
  return Duration(whole * kNsPerSecond + *fraction);
}

}  // namespace kv
