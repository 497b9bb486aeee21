#include "import/arrivals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace kv {
namespace {

constexpr double kMinRate = 1e-6, kMaxRate = 1e9;
constexpr double kMaxSeconds = 9e9;  // what a trace can hold

}  // namespace

OptionRow Arrivals::rate_option(const std::string& what) {
  return {"rate", OptionKind::text, "", what + " a second, evenly spaced; all arrive at 0 where not given"};
}

OptionRow Arrivals::gap_option() {
  return {"turn-gap", OptionKind::duration, "30s", "with --rate: from one request of a conversation to its next"};
}

Result<Arrivals> Arrivals::make(const OptionValues& options) {
  Arrivals out;
  if (options.has("turn-gap")) out.gap_ = options.duration("turn-gap");
  if (!options.has("rate")) return out;
  const std::string text = options.text("rate");
  double rate = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || !(rate >= kMinRate && rate <= kMaxRate)) {
    return error(Code::bad_input, fmt::format("--rate is {}", quote(text)), "a number a second, as 2 or 0.5");
  }
  out.per_second_ = rate;
  return out;
}

Duration Arrivals::at(std::uint64_t unit, std::uint64_t turn) const {
  if (!per_second_) return Duration(0);
  const double start = static_cast<double>(unit) / *per_second_;
  const double later = seconds(gap_) * static_cast<double>(turn);
  return from_seconds(std::min(start + later, kMaxSeconds));
}

std::optional<Duration> Arrivals::delay(std::uint64_t turn) const {
  return per_second_ && turn > 0 ? std::optional(gap_) : std::nullopt;
}

void Arrivals::note(ImportNotes& notes, const std::string& what) const {
  if (per_second_) {
    notes.assume("arrivals", gap_ > Duration(0) ? fmt::format("{:g} {} a second, {} between their turns", *per_second_,
                                                              what, format_duration(gap_))
                                                : fmt::format("{:g} {} a second", *per_second_, what));
    return;
  }
  notes.warn(
      fmt::format("the source has no arrival times: all requests are at 0, in the order of the source; --rate "
                  "spaces {}",
                  what));
  notes.assume("arrivals", "unknown: all at 0");
}

}  // namespace kv
