#pragma once
#include <atomic>
#include <functional>
#include <vector>

#include "engine/engine.hpp"
#include "prefill/profile.hpp"

namespace kv {

/// What to time: every length with every share of it cached, `rounds` times.
struct CalibrationPlan {
  std::vector<Tokens> lengths;
  std::vector<double> cached_shares;  ///< within [0, 1)
  std::uint32_t rounds = 3;
  std::uint64_t seed = 1;  ///< of the order, which differs in each round, lest a slow moment hit one length alone
};

/// 64, 128, ... and `longest`; 0, a quarter, half, three quarters, 90 and 95 % cached.
CalibrationPlan usual_calibration(Tokens longest);
/// Enough to predict prompts of up to `longest` tokens with: five lengths, with nothing and with half cached.
CalibrationPlan quick_calibration(Tokens longest);

/// Times the engine; nothing of what it computes is looked at, for time does not depend on it. The first prefill warms
/// up and does not count. A point in the profile is one measurement. `progress` hears how many of all are done; once
/// `stop` is set what was measured until then is returned. Fails (bad_input) for lengths that the engine was not made
/// for.
Result<PrefillProfile> calibrate(Engine& engine, const std::string& model, const CalibrationPlan& plan,
                                 const std::atomic<bool>& stop,
                                 const std::function<void(std::size_t done, std::size_t all)>& progress = {});

}  // namespace kv
