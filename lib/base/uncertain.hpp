#pragma once

namespace kv {

/// A figure that nobody knows exactly: at least, usually, at most; low <= typical <= high.
struct Uncertain {
  double low = 0, typical = 0, high = 0;

  static Uncertain exactly(double value) { return {value, value, value}; }
  bool exact() const { return low == high; }
  /// 0: low, 0.5: typical, 1: high; straight lines between, so that what-ifs and draws need one number.
  double at(double level) const {
    const double share = level * 2;
    return level < 0.5 ? low + (typical - low) * share : typical + (high - typical) * (share - 1);
  }
};
inline constexpr double kTypical = 0.5;

}  // namespace kv
