#pragma once
#include <string>

#include "report/report.hpp"

namespace kv {

/// The token hit rate of `.points[]` over the capacity, on a logarithmic axis, a mark for each policy; plain text of
/// `width` columns at most, with the ideal as a line. Empty with fewer than three points.
std::string curve_plot(const Json& document, std::size_t width);

}  // namespace kv
