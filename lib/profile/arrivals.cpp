#include "profile/arrivals.hpp"

#include <cmath>

#include "base/portable_math.hpp"
#include "profile/draws.hpp"

namespace kv {
namespace {

constexpr double kMostRate = 1e6, kLeastRate = 1e-6, kMostSeconds = 366.0 * 86400;
constexpr std::size_t kMostSteps = 1000;
constexpr int kDiurnalSteps = 1440;  // a minute each where the period is a day

using Key = TomlKey<Arrivals>;

Key rate_key(std::string summary) {
  return number_key("rate_per_s", &Arrivals::rate_per_s, kRequired, std::move(summary), kLeastRate, kMostRate);
}
Key cv_key(std::string preset) {
  return number_key("cv", &Arrivals::cv, std::move(preset),
                    "deviation of the gaps / their mean: 0 a clock, 1 Poisson, above 1 bursts", 0, 20);
}

Result<void> read_steps(const TomlValue& value, Arrivals& out) {
  static const std::vector<TomlKey<RateStep>> keys{
      number_key("for_s", &RateStep::seconds, kRequired, "how long", 0.001, kMostSeconds),
      number_key("rate_per_s", &RateStep::rate, kRequired, "arrivals a second meanwhile; 0 is a pause", 0, kMostRate),
  };
  const auto array = read_as_array(value, kMostSteps);
  if (!array) return error(array);
  for (const TomlValue& item : **array) {
    RateStep step{};
    if (auto read = read_table<RateStep>(item, keys, step); !read) return read;
    out.steps.push_back(step);
  }
  return {};
}

Result<void> finish_flat(const TomlValue&, Arrivals& out) {
  out.steps = {{86400, out.rate_per_s}};
  return {};
}

/// rate x (1 + amplitude x cos(2 pi (t - peak) / period)), each step at the rate of its middle.
Result<void> finish_diurnal(const TomlValue&, Arrivals& out) {
  const double peak = out.peak_s < 0 ? out.period_s / 2 : out.peak_s;
  for (int i = 0; i < kDiurnalSteps; ++i) {
    const double middle = (i + 0.5) / kDiurnalSteps;
    out.steps.push_back({out.period_s / kDiurnalSteps,
                         out.rate_per_s * (1 + out.amplitude * portable_cos_turns(middle - peak / out.period_s))});
  }
  return {};
}

Result<void> finish_stepped(const TomlValue& value, Arrivals& out) {
  double most = 0;
  for (const RateStep& step : out.steps) most = std::max(most, step.seconds * step.rate);
  if (most < kLeastRate) return value.wrong("no step has a rate at which anything arrives");
  return {};
}

std::vector<ArrivalsRow> make_rows() {
  std::vector<ArrivalsRow> rows;
  rows.push_back({"poisson",
                  "at random and independent of each other, as many users are",
                  1,
                  {type_key<Arrivals>("which process"), rate_key("mean arrivals a second")},
                  finish_flat});
  rows.push_back({"gamma",
                  "bursts: gaps of a gamma distribution",
                  2,
                  {type_key<Arrivals>("which process"), rate_key("mean arrivals a second"), cv_key("2")},
                  finish_flat});
  rows.push_back({"constant",
                  "evenly, like a clock",
                  0,
                  {type_key<Arrivals>("which process"), rate_key("arrivals a second")},
                  finish_flat});
  rows.push_back(
      {"diurnal",
       "a wave of day and night",
       1,
       {type_key<Arrivals>("which process"), rate_key("mean arrivals a second"),
        number_key("amplitude", &Arrivals::amplitude, kRequired, "the peak is so much above the mean, as a share", 0,
                   1),
        number_key("period_s", &Arrivals::period_s, "86400", "length of a day", 1, kMostSeconds),
        number_key("peak_s", &Arrivals::peak_s, "half the period", "when the peak is, from the start", 0, kMostSeconds),
        cv_key("1")},
       finish_diurnal});
  rows.push_back({"stepped",
                  "a rate for a while, then another, and over again",
                  1,
                  {type_key<Arrivals>("which process"),
                   Key{"steps", kRequired, "[{ for_s = 600, rate_per_s = 2 }, ...]", read_steps}, cv_key("1")},
                  finish_stepped});
  return rows;
}

}  // namespace

double Arrivals::draw_gap(Random& random) const {
  if (cv == 1) return draw_exponential(random);
  if (cv < 0.01) return 1;
  const double shape = 1 / (cv * cv);
  return draw_gamma(random, shape) / shape;
}

std::span<const ArrivalsRow> arrivals_kinds() {
  static const std::vector<ArrivalsRow> rows = make_rows();
  return rows;
}

Result<Arrivals> read_arrivals(const TomlValue& value) {
  const TomlValue* type = value.find("type");
  if (type == nullptr) {
    return value.wrong("the key type is missing", "[arrivals] with type = \"poisson\" and rate_per_s = 2, say");
  }
  const auto name = read_text(*type);
  if (!name) return error(name);
  const auto row = find_row(*type, arrivals_kinds(), *name);
  if (!row) return error(row);
  Arrivals out;
  out.cv = (*row)->cv;
  if (const auto read = read_table<Arrivals>(value, (*row)->keys, out); !read) return error(read);
  if (const auto finished = (*row)->finish(value, out); !finished) return error(finished);
  return out;
}

ArrivalTimes::ArrivalTimes(const Arrivals& arrivals, std::uint64_t seed) : arrivals_(&arrivals), random_(seed) {
  for (const RateStep& step : arrivals.steps) {
    period_ += step.seconds;
    arrivals_per_period_ += step.seconds * step.rate;
  }
}

double ArrivalTimes::next() {
  double left = arrivals_->draw_gap(random_);
  const double periods = std::floor(left / arrivals_per_period_);  // skipped at once: a gap may be many of them
  begun_periods_ += periods;
  left -= periods * arrivals_per_period_;
  // One period and a bit are enough; what rounding leaves beyond that falls on the end of the last step.
  for (std::size_t i = 0; i <= 2 * arrivals_->steps.size(); ++i) {
    const RateStep& step = arrivals_->steps[step_];
    const double room = (step.seconds - in_step_) * step.rate;
    if (left < room) {
      in_step_ += left / step.rate;
      break;
    }
    left -= room;
    in_step_ = 0;
    step_begin_ += step.seconds;
    if (++step_ == arrivals_->steps.size()) {
      step_ = 0;
      step_begin_ = 0;
      begun_periods_ += 1;
    }
  }
  return begun_periods_ * period_ + step_begin_ + in_step_;
}

}  // namespace kv
