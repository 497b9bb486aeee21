#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "report/report.hpp"

namespace kv::test {

inline bool has_type(const Json& value, const std::string& type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "array" || type == "object") return type == value.type_name();
  return type == value.type_name();  // string, boolean, null
}

/// The part of JSON Schema that our schema uses: type, const, minimum, required, properties, items. Returns the places
/// that do not conform.
inline std::vector<std::string> violations(const Json& value, const Json& schema, const std::string& at = "") {
  std::vector<std::string> bad;
  const auto descend = [&bad](const Json& child, const Json& rule, const std::string& where) {
    for (std::string& place : violations(child, rule, where)) bad.push_back(std::move(place));
  };
  if (schema.contains("type")) {
    const Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
    const auto fits = [&value](const Json& type) { return has_type(value, type.get<std::string>()); };
    if (!std::any_of(types.begin(), types.end(), fits)) bad.push_back(at + ": " + value.type_name());
  }
  if (schema.contains("const") && value != schema["const"]) bad.push_back(at + ": not the constant");
  if (schema.contains("minimum") && value.is_number() && value < schema["minimum"])
    bad.push_back(at + ": below minimum");
  if (value.is_object() && schema.contains("required")) {
    for (const Json& key : schema["required"]) {
      if (!value.contains(key.get<std::string>())) bad.push_back(at + "." + key.get<std::string>() + ": missing");
    }
    for (const auto& [key, rule] : schema["properties"].items()) {
      if (value.contains(key)) descend(value[key], rule, at + "." + key);
    }
  }
  if (value.is_array() && schema.contains("items")) {
    for (std::size_t i = 0; i < value.size(); ++i)
      descend(value[i], schema["items"], at + "[" + std::to_string(i) + "]");
  }
  return bad;
}

}  // namespace kv::test
