#include "model/config_fields.hpp"

#include <fmt/format.h>

#include <cmath>

namespace kv {
namespace {

std::string shown(const nlohmann::json& value) {
  if (value.is_structured()) return value.is_array() ? "an array" : "an object";
  return value.dump().substr(0, 40);
}

}  // namespace

const nlohmann::json* ConfigFields::find(std::initializer_list<const char*> names) const {
  for (const nlohmann::json* where : {&object_, &outer_}) {
    for (const char* name : names) {
      const auto at = where->find(name);
      if (at != where->end() && !at->is_null()) return &*at;
    }
  }
  return nullptr;
}

std::string ConfigFields::name_if(bool (*wanted)(const std::string& name, const nlohmann::json& value)) const {
  for (const nlohmann::json* where : {&object_, &outer_}) {
    for (const auto& [name, value] : where->items()) {
      if (wanted(name, value)) return name;
    }
  }
  return {};
}

void ConfigFields::fail(const char* name, const std::string& what, const std::string& hint) {
  if (!failed_) failed_ = Error{Code::bad_input, fmt::format("{}: {} {}", file_, name, what), hint};
}

std::uint64_t ConfigFields::whole_number(const char* name, const nlohmann::json& value, std::uint64_t min,
                                         std::uint64_t max) {
  double number = -1;
  if (value.is_number()) number = value.get<double>();
  if (number >= static_cast<double>(min) && number <= static_cast<double>(max) && std::floor(number) == number) {
    return static_cast<std::uint64_t>(number);
  }
  fail(name, fmt::format("is {}, but must be a whole number from {} to {}", shown(value), min, max));
  return min;
}

std::uint64_t ConfigFields::count(std::initializer_list<const char*> names, std::uint64_t max,
                                  std::optional<std::uint64_t> absent) {
  const nlohmann::json* value = find(names);
  if (value != nullptr) return whole_number(*names.begin(), *value, 1, max);
  if (!absent) fail(*names.begin(), "is missing", "is this the config.json of a decoder-only transformer?");
  return absent.value_or(1);
}

std::uint64_t ConfigFields::count_or_zero(std::initializer_list<const char*> names, std::uint64_t max,
                                          std::uint64_t absent) {
  const nlohmann::json* value = find(names);
  return value == nullptr ? absent : whole_number(*names.begin(), *value, 0, max);
}

bool ConfigFields::flag(const char* name, bool absent) {
  const nlohmann::json* value = find({name});
  if (value == nullptr) return absent;
  if (!value->is_boolean()) fail(name, fmt::format("is {}, but must be true or false", shown(*value)));
  return value->is_boolean() && value->get<bool>();
}

std::string ConfigFields::text(const char* name) {
  const nlohmann::json* value = find({name});
  if (value == nullptr) return {};
  if (!value->is_string()) fail(name, fmt::format("is {}, but must be a text", shown(*value)));
  return value->is_string() ? value->get<std::string>() : std::string();
}

}  // namespace kv
