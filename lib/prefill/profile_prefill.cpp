#include "prefill/profile_prefill.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"

namespace kv {
namespace {

constexpr double kLongest = 9e9;      // seconds that still fit a Duration: 285 years
constexpr double kLoose = 0.25;       // a p95 residual beyond which a fit is said to be loose
constexpr double kNarrow = 4;         // longest / shortest length below which curvature cannot be told from slope
constexpr std::size_t kMaxName = 60;  // of an engine, in a line of the report

class ProfilePrefill final : public Prefill {
 public:
  ProfilePrefill(Model model, const PrefillProfile& profile, PrefillFit fit, std::string name)
      : model_(std::move(model)), fit_(fit), engine_(profile.engine.substr(0, kMaxName)), name_(std::move(name)) {
    if (profile.model.empty()) unnamed_ = true;
  }

  Duration cost(Tokens cached, Tokens fresh) const override {
    return from_seconds(std::min(fit_.terms.seconds(model_, cached, fresh), kLongest));
  }
  Provenance provenance() const override { return Provenance::quoted; }
  std::string device() const override {
    return fmt::format("{}, a profile of {} points", engine_.empty() ? name_ : engine_, fit_.points);
  }
  std::optional<PrefillMargin> margin() const override {
    return PrefillMargin{fit_.margin_low, fit_.margin_high,
                         fmt::format("each point of the profile predicted by all others, 5th to 95th percentile; "
                                     "residuals of the fit: median {:.2g} %, p95 {:.2g} %",
                                     100 * fit_.median_residual, 100 * fit_.p95_residual)};
  }
  std::optional<PrefillRange> range() const override { return PrefillRange{fit_.longest_prompt, fit_.most_cached}; }

  std::vector<std::string> cautions() const override {
    std::vector<std::string> out;
    if (unnamed_) out.push_back(name_ + " does not say which model it is of");
    if (fit_.p95_residual > kLoose) {
      out.push_back(fmt::format("{} is fitted loosely: half of its points within {:.0f} %, 95 % within {:.0f} %", name_,
                                100 * fit_.median_residual, 100 * fit_.p95_residual));
    }
    const auto shortest = static_cast<double>(fit_.shortest_fresh.count());
    if (static_cast<double>(fit_.longest_fresh.count()) < kNarrow * shortest) {
      out.push_back(fmt::format("{} has lengths from {} to {} tokens alone: what attention takes is a guess", name_,
                                format_count(fit_.shortest_fresh.count()), format_count(fit_.longest_fresh.count())));
    }
    if (fit_.most_cached == Tokens(0)) {
      out.push_back(name_ +
                    " has no point with cached tokens: what is computed behind a cached prefix is extrapolated");
    }
    return out;
  }

 private:
  Model model_;
  PrefillFit fit_;
  std::string engine_, name_;
  bool unnamed_ = false;
};

}  // namespace

Result<std::unique_ptr<Prefill>> make_profile_prefill(const PrefillProfile& profile, const Model& model,
                                                      const std::string& name) {
  if (!same_model(profile.model, model.name)) {
    return error(Code::bad_input,
                 fmt::format("{}: measured with model {}, not {}", name, quote(profile.model), model.name),
                 "name that one with --model, or measure this one");
  }
  auto fit = fit_profile(profile, model, name);
  if (!fit) return error(fit);
  return std::make_unique<ProfilePrefill>(model, profile, *fit, name);
}

Result<std::unique_ptr<Prefill>> make_profile_prefill(const PrefillConfig& config) {
  const auto profile = read_prefill_profile(config.argument);
  if (!profile) return error(profile);
  return make_profile_prefill(*profile, config.model, config.argument);
}

}  // namespace kv
