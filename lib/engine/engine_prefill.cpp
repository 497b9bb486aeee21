#include "engine/engine_prefill.hpp"

#include "engine/calibrate.hpp"
#include "prefill/profile_fit.hpp"

namespace kv {
namespace {

class EnginePrefill final : public Prefill {
 public:
  EnginePrefill(Model model, const PrefillTerms& terms, std::string device, std::vector<std::string> cautions)
      : model_(std::move(model)), terms_(terms), device_(std::move(device)), cautions_(std::move(cautions)) {}

  Duration cost(Tokens cached, Tokens fresh) const override {
    return from_seconds(terms_.seconds(model_, cached, fresh));
  }
  Provenance provenance() const override { return Provenance::measured; }
  std::string device() const override { return device_; }
  std::vector<std::string> cautions() const override { return cautions_; }

 private:
  Model model_;
  PrefillTerms terms_;
  std::string device_;
  std::vector<std::string> cautions_;
};

PrefillTerms in_proportion(const PrefillProfile& profile) {
  double time_s = 0, tokens = 0;
  for (const PrefillPoint& point : profile.points) {
    time_s += seconds(point.ttft);
    tokens += static_cast<double>((point.prompt - point.cached).count());
  }
  PrefillTerms terms;
  terms.per_fresh_token_s = tokens > 0 ? time_s / tokens : 0;
  return terms;
}

}  // namespace

Result<std::unique_ptr<Prefill>> predict_prefill(
    Engine& engine, const Model& model, Tokens longest, const std::atomic<bool>& stop,
    const std::function<void(std::size_t done, std::size_t all)>& progress) {
  const auto profile = calibrate(engine, model.name, quick_calibration(longest), stop, progress);
  if (!profile) return error(profile);
  if (stop) return error(Code::interrupted, "interrupted while the engine was timed: nothing was measured yet");
  const auto fit = fit_profile(*profile, model, "the engine's own times");
  std::vector<std::string> cautions;
  if (!fit) {
    cautions.push_back("a few times of this engine contradict each other (" + fit.error().message +
                       "): what is predicted of it, break-even and adaptive choices, is in proportion to tokens");
  }
  return std::make_unique<EnginePrefill>(model, fit ? fit->terms : in_proportion(*profile), engine.info().device,
                                         std::move(cautions));
}

}  // namespace kv
