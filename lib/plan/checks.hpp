#pragma once
#include <fmt/format.h>

#include <initializer_list>
#include <string_view>

#include "base/result.hpp"

namespace kv {

/// A figure that a plan begins with, and the bounds within which every sum and product of it stays finite.
struct PlanFigure {
  std::string_view name;  ///< as messages call it
  double value = 0, lowest = 0, highest = 1e18;
};

/// Fails (bad_input) at the first figure that is out of its bounds or no number.
inline Result<void> check_figures(std::string_view plan, std::initializer_list<PlanFigure> figures) {
  for (const PlanFigure& f : figures) {
    if (f.value >= f.lowest && f.value <= f.highest) continue;  // NaN is neither
    return error(Code::bad_input,
                 fmt::format("{}: {} must be from {} to {}, but is {}", plan, f.name, f.lowest, f.highest, f.value),
                 fmt::format("check the options and the price file that give {}", f.name));
  }
  return {};
}

}  // namespace kv
