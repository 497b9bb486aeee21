#pragma once
#include <string>
#include <string_view>

#include "report/fields.hpp"

namespace kv {

/// Reading documents that may hold anything: size, depth and number of values are bounded before anything is built.

/// The whole of a file, of which at most 64 MiB and a piece are read. Code::bad_input names it and the reason.
Result<std::string> read_text_file(const std::string& path);
/// `name` stands for the text in messages, `how_to_make` is their hint.
Result<Json> read_json_text(std::string_view text, const std::string& name, std::string_view how_to_make);
/// What is at `path` must have its type; what is not there is unknown. `where` is said in front of the path.
Result<void> check_field(const Json& object, const std::string& path, Unit unit, const std::string& where);

}  // namespace kv
