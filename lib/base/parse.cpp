#include "base/parse.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

namespace kv {
namespace {

struct Suffix {
  std::string_view name;
  double factor;
};

constexpr std::array kCountSuffixes{Suffix{"", 1}, Suffix{"k", 1e3}, Suffix{"K", 1e3}, Suffix{"M", 1e6},
                                    Suffix{"G", 1e9}};
constexpr std::array kByteSuffixes{
    Suffix{"", 1},         Suffix{"B", 1},      Suffix{"KiB", 0x1p10}, Suffix{"MiB", 0x1p20}, Suffix{"GiB", 0x1p30},
    Suffix{"TiB", 0x1p40}, Suffix{"KB", 1e3},   Suffix{"kB", 1e3},     Suffix{"MB", 1e6},     Suffix{"GB", 1e9},
    Suffix{"TB", 1e12},    Suffix{"k", 0x1p10}, Suffix{"m", 0x1p20},   Suffix{"g", 0x1p30},   Suffix{"K", 0x1p10},
    Suffix{"M", 0x1p20},   Suffix{"G", 0x1p30}, Suffix{"kb", 0x1p10},  Suffix{"mb", 0x1p20},  Suffix{"gb", 0x1p30}};
constexpr std::array kDurationSuffixes{Suffix{"ns", 1},   Suffix{"us", 1e3},   Suffix{"ms", 1e6},   Suffix{"s", 1e9},
                                       Suffix{"m", 60e9}, Suffix{"h", 3600e9}, Suffix{"d", 86400e9}};

tl::unexpected<Error> not_a(std::string_view text, std::string_view what, std::string_view example) {
  return error(Code::bad_input, fmt::format("{} is not {}", quote(text), what),
               fmt::format("write it like {}", example));
}

/// digits[.digits] and a suffix of the table; no sign, exponent, hex, inf or nan.
std::optional<double> scaled_number(std::string_view text, std::span<const Suffix> suffixes) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + end, value, std::chars_format::fixed);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + end) return std::nullopt;
  const auto suffix =
      std::find_if(suffixes.begin(), suffixes.end(), [&](const Suffix& s) { return s.name == text.substr(end); });
  if (suffix == suffixes.end()) return std::nullopt;
  return value * suffix->factor;
}

/// Whole numbers keep all 64 bits; others are rounded.
Result<std::uint64_t> scaled_integer(std::string_view text, std::span<const Suffix> suffixes, std::string_view what,
                                     std::string_view example) {
  std::uint64_t whole = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) {
    if (suffixes[0].name.empty()) return whole;
    return not_a(text, fmt::format("{}: it has no unit", what), example);
  }
  const auto value = scaled_number(text, suffixes);
  if (!value) return not_a(text, what, example);
  if (*value >= 0x1p63) return error(Code::bad_input, fmt::format("{} is too large for {}", quote(text), what));
  return static_cast<std::uint64_t>(std::llround(*value));
}

/// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours count one each.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = row;
  }
  return last[b.size()];
}

}  // namespace

std::string quote(std::string_view text) {
  std::string out = "'";
  for (const char c : text.substr(0, 60)) out += (c >= ' ' && c < 0x7f) ? c : '?';
  return out + (text.size() > 60 ? "...'" : "'");
}

Result<std::uint64_t> parse_count(std::string_view text) {
  return scaled_integer(text, kCountSuffixes, "a count", "12, 500k or 3M");
}

Result<Bytes> parse_bytes(std::string_view text) {
  const auto n = scaled_integer(text, kByteSuffixes, "a size", "64KiB, 8GiB or 4096");
  if (!n) return error(n);
  return Bytes(*n);
}

Result<Duration> parse_duration(std::string_view text) {
  const auto n = scaled_integer(text, kDurationSuffixes, "a duration", "250ms, 30s, 10m or 1h");
  if (!n) return error(n);
  return Duration(static_cast<std::int64_t>(*n));
}

Result<double> parse_ratio(std::string_view text) {
  constexpr std::array suffixes{Suffix{"", 1}, Suffix{"%", 0.01}};
  const auto value = scaled_number(text, suffixes);
  if (!value || *value > 1) return not_a(text, "a share between 0 and 1", "0.25 or 25%");
  return *value;
}

std::string format_bytes(Bytes bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes.count());
  std::size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < units.size(); ++unit) value /= 1024;
  if (unit == 0) return fmt::format("{} B", bytes.count());
  return fmt::format("{:.{}f} {}", value, value < 99.95 ? 1 : 0, units[unit]);
}

std::string format_duration(Duration d) {
  const double ns = static_cast<double>(d.count());
  const double size = std::abs(ns);
  if (size < 999.5) return fmt::format("{:.0f} ns", ns);
  if (size < 999.5e3) return fmt::format("{:.3g} us", ns / 1e3);
  if (size < 999.5e6) return fmt::format("{:.3g} ms", ns / 1e6);
  if (size < 999.5e9) return fmt::format("{:.3g} s", ns / 1e9);
  if (size < 7200e9) return fmt::format("{:.3g} min", ns / 60e9);
  return fmt::format("{:.4g} h", ns / 3600e9);
}

std::string format_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, 1, ',');
  return digits;
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  const std::string* best = nullptr;
  std::size_t best_distance = 0;
  const std::string_view bounded = word.substr(0, 100);
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(bounded, candidate);
    if (best == nullptr || distance < best_distance) {
      best = &candidate;
      best_distance = distance;
    }
  }
  const std::size_t tolerated = std::max<std::size_t>(1, std::min<std::size_t>(bounded.size(), 12) / 3);
  if (best == nullptr || best_distance > tolerated) return std::nullopt;
  return *best;
}

}  // namespace kv
