#include "report/document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/parse.hpp"
#include "report/text.hpp"

namespace kv {
namespace {

/// Three significant digits of a value below 1000.
std::string three_digits(double value) {
  return fmt::format("{:.{}f}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

std::string decimal_rate(double per_s, std::string_view unit) {
  for (const auto& [name, size] : {std::pair{"T", 1e12}, {"G", 1e9}, {"M", 1e6}, {"k", 1e3}}) {
    if (per_s >= 0.9995 * size) return fmt::format("{} {}{}", three_digits(per_s / size), name, unit);
  }
  return fmt::format("{} {}", three_digits(per_s), unit);
}

/// Report figures are at most 2^63; a file may hold anything.
std::uint64_t whole(double value) {
  return value <= 0 ? 0 : static_cast<std::uint64_t>(std::llround(std::min(value, 9.2e18)));
}

std::string number_text(double value, Unit unit) {
  switch (unit) {
    case Unit::count:
      return format_count(whole(value));
    case Unit::bytes:
      return format_bytes(Bytes(whole(value)));
    case Unit::nanoseconds:
      return format_duration(Duration(static_cast<std::int64_t>(whole(value))));
    case Unit::seconds:
      return format_duration(from_seconds(std::clamp(value, 0.0, 9e9)));
    case Unit::ratio:
      return fmt::format("{:.1f}%", 100 * value);
    case Unit::factor:
      return three_digits(value) + "x";
    case Unit::bytes_per_s:
      return decimal_rate(value, "B/s");
    case Unit::per_s:
      return (value < 999.5 ? three_digits(value) : format_count(whole(value))) + " /s";
    case Unit::ns_per_byte:
      return fmt::format("{:.3f} ns/B", value);
    case Unit::usd:
      return fmt::format("{:.2f}", value);
    case Unit::amount:
      return std::abs(value) < 999.5 ? three_digits(value) : format_count(whole(value));
    case Unit::flag:
    case Unit::text:
    case Unit::texts:
      break;
  }
  return fmt::format("{}", value);
}

}  // namespace

const Json* find(const Json& document, std::string_view path) {
  const Json* at = &document;
  while (!path.empty()) {
    if (!at->is_object()) return nullptr;
    const auto dot = path.find('.');
    const auto found = at->find(std::string(path.substr(0, dot)));
    if (found == at->end()) return nullptr;
    at = &*found;
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return at;
}

std::optional<double> number_at(const Json& document, std::string_view path) {
  const Json* value = find(document, path);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->get<double>();
}

std::string text_at(const Json& document, std::string_view path) {
  const Json* value = find(document, path);
  return value != nullptr && value->is_string() ? printable(value->get_ref<const std::string&>()) : std::string();
}

bool flag_at(const Json& document, std::string_view path) {
  const Json* value = find(document, path);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

const Json& list_at(const Json& document, std::string_view path) {
  static const Json kNone = Json::array();
  const Json* value = find(document, path);
  return value != nullptr && value->is_array() ? *value : kNone;
}

void put(Json& document, std::string_view path, Json value) {
  Json* at = &document;
  for (auto dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.')) {
    at = &(*at)[std::string(path.substr(0, dot))];
    path.remove_prefix(dot + 1);
  }
  (*at)[std::string(path)] = std::move(value);
}

Json finite(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

std::string figure_text(std::optional<double> value, Unit unit) { return value ? number_text(*value, unit) : "-"; }

std::string figure_text(const Json* value, Unit unit) {
  if (value == nullptr) return "-";
  if (value->is_number()) return number_text(value->get<double>(), unit);
  if (value->is_string()) return printable(value->get_ref<const std::string&>());
  if (value->is_boolean()) return value->get<bool>() ? "yes" : "no";
  if (!value->is_array()) return "-";
  std::string joined;
  for (const Json& item : *value) {
    if (item.is_string()) joined += (joined.empty() ? "" : "; ") + printable(item.get_ref<const std::string&>());
  }
  return joined;
}

}  // namespace kv
