#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/toml_keys.hpp"

namespace kv {

/// A rate that repeats: so many arrivals per second for so many seconds, step after step.
struct RateStep {
  double seconds, rate;
};

/// When sessions begin: gaps of mean 1 and coefficient of variation `cv`, stretched by the rate that holds (time
/// rescaling: Daley and Vere-Jones, "An Introduction to the Theory of Point Processes", 7.4). Immutable once read.
struct Arrivals {
  double cv = 1;  ///< 1: Poisson; 0: a clock; else gamma gaps of shape 1 / cv^2
  std::vector<RateStep> steps;

  // What the rows read.
  double rate_per_s = 0, amplitude = 0, period_s = 86400, peak_s = -1;

  double draw_gap(Random& random) const;
};

struct ArrivalsRow {
  std::string_view name, summary;
  double cv;  ///< where the profile does not say
  std::vector<TomlKey<Arrivals>> keys;
  Result<void> (*finish)(const TomlValue&, Arrivals&);  ///< fills `steps`
};
std::span<const ArrivalsRow> arrivals_kinds();

/// The table { type = "poisson", rate_per_s = 2 }.
Result<Arrivals> read_arrivals(const TomlValue& value);

/// A run through one process. Keeps its place as (repetition, step, time in step), so that no error adds up.
class ArrivalTimes {
 public:
  ArrivalTimes(const Arrivals& arrivals, std::uint64_t seed);
  /// Seconds from the start, never decreasing.
  double next();

 private:
  const Arrivals* arrivals_;
  Random random_;
  double period_ = 0, arrivals_per_period_ = 0;
  double begun_periods_ = 0, step_begin_ = 0, in_step_ = 0;
  std::size_t step_ = 0;
};

}  // namespace kv
