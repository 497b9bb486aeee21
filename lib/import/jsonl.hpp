#pragma once
#include <functional>

#include "import/json_value.hpp"
#include "import/registry.hpp"

namespace kv {

/// Every line of a source that is not blank. An error of `take` gets file:line in front.
Result<void> each_line(ImportJob& job, const std::function<Result<void>(const Line&)>& take);
/// The same, parsed.
Result<void> each_object(ImportJob& job,
                         const std::function<Result<void>(const json::object& object, std::uint64_t line)>& take);
/// Every JSON value of a source, one a line or not, or elements of an array.
Result<void> each_item(ImportJob& job,
                       const std::function<Result<void>(const json::element& value, std::uint64_t line)>& take);

/// Options that formats with ids of their own share.
OptionRow block_size_option(const std::string& preset, const std::string& summary = "tokens in a block of the source");
OptionRow ids_option();
Result<IdMode> id_mode(const OptionValues& options);
/// Of the option, if it is given or has a preset: 1 to 2^24.
Result<std::optional<Tokens>> block_size_of(const OptionValues& options);

}  // namespace kv
