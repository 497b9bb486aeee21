#pragma once
#include <cmath>
#include <span>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/toml_keys.hpp"

namespace kv {

class Distribution;

/// One row a kind of distribution, as a profile writes it: { type = "lognormal", median = 200, sigma = 0.8 }.
struct DistributionRow {
  std::string_view name, summary;
  std::vector<TomlKey<Distribution>> keys;
  /// Checks what no key shows alone, and finishes the parameters; null: nothing to do.
  Result<void> (*finish)(const TomlValue&, Distribution&);
  double (*draw)(const Distribution&, Random&);
};
std::span<const DistributionRow> distributions();

/// What a key allows: "tokens", 1, 1e6.
struct Range {
  double lowest, highest;
};

/// A distribution of lengths, counts or seconds. Draws beyond `min` and `max` are set to them. Immutable once read, so
/// that threads may share it.
class Distribution {
 public:
  static Distribution constant(double value);

  double draw(Random& random) const;
  /// Rounded to the nearest whole number.
  std::uint64_t draw_count(Random& random) const { return static_cast<std::uint64_t>(std::llround(draw(random))); }

  // What the rows read; see their summaries.
  const DistributionRow* row = nullptr;
  double value = 0, median = 0, mean = 0, sigma = 0;
  double min = 0, max = 0;
  struct Point {
    double share, value;
  };
  std::vector<Point> points;
};

/// A number (constant) or a table with `type`. min and max lie in `range`, and are its ends where not given.
Result<Distribution> read_distribution(const TomlValue& value, Range range);

}  // namespace kv
