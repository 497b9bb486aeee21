#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace kv {

/// The text of a config.json, at most 1 MiB of it.
Result<std::string> read_config(const std::string& path);
/// A JSON object nested at most 32 levels deep.
Result<nlohmann::json> parse_config(std::string_view text, const std::string& file);

}  // namespace kv
