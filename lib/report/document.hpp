#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "report/fields.hpp"

namespace kv {

/// Access by path ("ttft.with_cache.mean_ns") to a document that may be anything: nothing here throws.

/// The value at `path`, or nullptr.
const Json* find(const Json& document, std::string_view path);
std::optional<double> number_at(const Json& document, std::string_view path);
/// The text at `path` without control characters; "" if there is none.
std::string text_at(const Json& document, std::string_view path);
bool flag_at(const Json& document, std::string_view path);
/// The array at `path`, or an empty one.
const Json& list_at(const Json& document, std::string_view path);

/// Sets the value at `path`, making objects on the way.
void put(Json& document, std::string_view path, Json value);
/// null if not finite.
Json finite(double value);

/// A figure as people read it: "12,031", "64.0 MiB", "1.25 ms", "38.2%", "1.84x", "3.41 GB/s"; "-" for null.
std::string figure_text(const Json* value, Unit unit);
std::string figure_text(std::optional<double> value, Unit unit);

}  // namespace kv
