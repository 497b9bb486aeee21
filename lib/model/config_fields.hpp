#pragma once
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace kv {

/// Reads fields of one JSON object and keeps the first error, so that a reader need not check after every field.
/// null counts as absent. `outer` is asked for what `object` lacks. Both must outlive this.
class ConfigFields {
 public:
  ConfigFields(const nlohmann::json& object, const nlohmann::json& outer, std::string file)
      : object_(object), outer_(outer), file_(std::move(file)) {}

  /// The field, or nullptr; of several names the first that is there.
  const nlohmann::json* find(std::initializer_list<const char*> names) const;
  bool has(const char* name) const { return find({name}) != nullptr; }
  /// A whole number within [1, max], or `absent` if there is no such field; without `absent` it must be there.
  std::uint64_t count(std::initializer_list<const char*> names, std::uint64_t max,
                      std::optional<std::uint64_t> absent = std::nullopt);
  /// As count, but 0 is allowed.
  std::uint64_t count_or_zero(std::initializer_list<const char*> names, std::uint64_t max, std::uint64_t absent = 0);
  bool flag(const char* name, bool absent);
  std::string text(const char* name);
  /// The first field, by name, that `wanted` says yes to; else empty.
  std::string name_if(bool (*wanted)(const std::string& name, const nlohmann::json& value)) const;

  void fail(const char* name, const std::string& what, const std::string& hint = {});
  const std::optional<Error>& failed() const { return failed_; }

 private:
  std::uint64_t whole_number(const char* name, const nlohmann::json& value, std::uint64_t min, std::uint64_t max);

  const nlohmann::json& object_;
  const nlohmann::json& outer_;
  std::string file_;
  std::optional<Error> failed_;
};

}  // namespace kv
