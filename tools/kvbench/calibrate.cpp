#include "engine/calibrate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/random.hpp"
#include "commands.hpp"
#include "common/measured_options.hpp"
#include "common/output.hpp"
#include "common/watch.hpp"
#include "prefill/profile_fit.hpp"

namespace kvtool {
namespace {

using kv::error;
using kv::Result;

struct CalibrateOptions {
  ModelOptions kv;
  MeasuredOptions measured;
  std::uint64_t longest = 2048, seed = 1;
  std::uint32_t rounds = 3, check = 0;
  std::string output;
};

void add_calibrate_options(CLI::App& command, CalibrateOptions& o) {
  command.add_option("-o,--output", o.output, "File for the profile; default: stdout");
  o.kv.model = "small";
  add_model_options(command, o.kv);
  add_measured_options(command, o.measured);
  const std::string group = "Calibration";
  command.add_option("--longest", o.longest, "Longest prompt; lengths are 64, 128, ... up to it")
      ->check(CLI::Range(128U, 1U << 24))
      ->capture_default_str()
      ->group(group);
  command.add_option("--rounds", o.rounds, "Times that each point is measured, in an order of its own")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str()
      ->group(group);
  command.add_option("--check", o.check, "Also measure so many other points and say how far the fit is from them")
      ->check(CLI::Range(0U, 100000U))
      ->capture_default_str()
      ->group(group);
  command.add_option("--seed", o.seed, "Seed of the order, and of the points of --check")
      ->capture_default_str()
      ->group(group);
  command.footer(
      "Examples:\n"
      "  kvbench calibrate --model small -o small.prefill.json\n"
      "  kvbench run workloads/chat.jsonl --model small --prefill profile:small.prefill.json");
}

/// Each a length of its own between the calibrated ones, and a share of it cached.
kv::CalibrationPlan others(const CalibrateOptions& o, std::size_t index) {
  kv::Random random(kv::mix64(o.seed, index + 1));
  const double octaves = std::log2(static_cast<double>(o.longest) / 64);
  kv::CalibrationPlan plan;
  plan.lengths = {kv::Tokens(static_cast<std::uint64_t>(64 * std::exp2(octaves * random.uniform())))};
  plan.cached_shares = {0.95 * random.uniform()};
  return plan;
}

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

/// "; at 40 other points it is off by 4.4 % in the median, 13.9 % at the 95th percentile".
Result<std::string> checked(kv::Engine& engine, const kv::Model& model, const kv::PrefillFit& fit,
                            const CalibrateOptions& o, const std::atomic<bool>& stop) {
  std::vector<double> errors;
  for (std::uint32_t i = 0; i < o.check && !stop; ++i) {
    kv::CalibrationPlan plan = others(o, i);
    plan.rounds = o.rounds;
    const auto profile = kv::calibrate(engine, model.name, plan, stop);
    if (!profile) return error(profile);
    if (profile->points.empty()) break;
    std::vector<kv::PrefillPoint> points = profile->points;
    std::sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.ttft < b.ttft; });
    const kv::PrefillPoint& point = points[points.size() / 2];
    const double predicted = fit.terms.seconds(model, point.cached, point.prompt - point.cached);
    errors.push_back(std::abs(predicted / kv::seconds(point.ttft) - 1));
  }
  if (errors.empty()) return std::string();
  std::sort(errors.begin(), errors.end());
  const auto at = [&errors](double q) {
    return errors[static_cast<std::size_t>(std::ceil(q * static_cast<double>(errors.size()))) - 1];
  };
  return fmt::format("; at {} other points it is off by {} in the median, {} at the 95th percentile", errors.size(),
                     percent(at(0.5)), percent(at(0.95)));
}

/// The profile is written whatever the fit says of it: that is for a person.
void say_fit(kv::Engine& engine, const kv::Model& model, const kv::PrefillProfile& profile, const CalibrateOptions& o,
             const std::atomic<bool>& stop) {
  const auto fit = kv::fit_profile(profile, model, "the profile");
  if (!fit) return say(fmt::format("kvbench: warning: {}; measure again on a quieter machine\n", fit.error().message));
  const auto others = checked(engine, model, *fit, o, stop);
  say(fmt::format("kvbench: the fit is off by {} in the median of {} points, {} at the 95th percentile{}\n",
                  percent(fit->median_residual), fit->points, percent(fit->p95_residual),
                  others ? *others : "; " + others.error().message));
}

Result<int> calibrate(const CalibrateOptions& o) {
  const auto model = measured_model(o.kv, o.measured);
  if (!model) return error(model);
  kv::CalibrationPlan plan = kv::usual_calibration(kv::Tokens(o.longest));
  plan.rounds = o.rounds;
  plan.seed = o.seed;
  std::atomic<bool> stop = false;
  Counted counted;
  const Watch watch(stop, [&counted] { return counted.text("measurements", "starting the engine"); });
  auto engine = make_measured_engine(o.kv, o.measured, kv::Tokens(o.longest));
  if (!engine) return error(engine);
  const auto profile = kv::calibrate(**engine, model->name, plan, stop, std::ref(counted));
  if (!profile) return error(profile);
  const std::string text = kv::make_profile_document(*profile).dump(1) + "\n";
  if (const auto written = write_output(text, o.output); !written) return error(written);
  if (!stop) say_fit(**engine, *model, *profile, o, stop);
  return stop ? 130 : 0;
}

int run_calibrate(const CalibrateOptions& o) {
  if (!o.output.empty()) {
    if (const auto writable = check_output(o.output); !writable) return fail(writable.error());
  }
  const auto done = calibrate(o);
  return done ? *done : fail(done.error());
}

}  // namespace

void add_calibrate(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("calibrate", "Time the measured engine and write a prefill profile of it");
  const auto options = std::make_shared<CalibrateOptions>();
  add_calibrate_options(*command, *options);
  command->callback([options, &exit_code] { exit_code = run_calibrate(*options); });
}

}  // namespace kvtool
