#include "profile/fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "profile/fit_measure.hpp"
#include "profile/fit_parts.hpp"
#include "profile/fit_strata.hpp"
#include "profile/fitted_text.hpp"

namespace kv {
namespace {

constexpr std::size_t kCapacities = 48, kKnots = 300;
constexpr std::size_t kParts = 16, kPartRequests = 32;  // fewer than that say more of chance than of warming up
constexpr std::uint32_t kLeastInStratum = 3;            // requests, so that none describes a single prompt
constexpr std::size_t kStrataAtFirst = 1200, kStratumBytes = 36;

Result<void> check(const Workload& workload) {
  if (workload.empty()) return error(Code::bad_input, "there is no request to fit to");
  if (workload.size() > kMostFittedRequests) {
    return error(
        Code::bad_input,
        fmt::format("{} requests are more than the {} that a profile holds", workload.size(), kMostFittedRequests),
        "fit to a part: --requests, --skip or --sample");
  }
  const Duration span = workload[workload.size() - 1].at - workload[0].at;
  if (span / std::chrono::minutes(1) >= static_cast<std::int64_t>(kMostFittedMinutes)) {
    return error(Code::bad_input, "the trace spans more than the ten years that a profile holds");
  }
  return {};
}

void fit_lengths(const Workload& workload, FittedProfile& profile) {
  std::vector<std::uint32_t> inputs, outputs;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    inputs.push_back(static_cast<std::uint32_t>(workload[i].input.count()));
    outputs.push_back(static_cast<std::uint32_t>(workload[i].output.count()));
  }
  profile.input_step = std::accumulate(inputs.begin(), inputs.end(), 0U,
                                       [](std::uint32_t a, std::uint32_t b) { return std::gcd(a, b); });
  profile.input_step = std::min(profile.input_step, 1U << 30);
  profile.input = fit_knots(std::move(inputs), kKnots);
  profile.output = fit_knots(std::move(outputs), kKnots);
}

}  // namespace

Result<FittedProfile> fit_profile(const Workload& workload) {
  if (const auto fits = check(workload); !fits) return error(fits);
  FittedProfile profile;
  profile.block_size = workload.block_size();
  profile.requests = static_cast<std::uint32_t>(workload.size());
  fit_arrivals(workload, profile);
  fit_lengths(workload, profile);
  const Reuse reuse = measure_reuse(workload);
  profile.reuse = fit_reuse(reuse, kCapacities, std::clamp<std::size_t>(workload.size() / kPartRequests, 1, kParts));
  for (std::size_t strata = kStrataAtFirst;;) {
    profile.strata = fit_strata(workload, reuse.requests, strata, kLeastInStratum);
    const std::size_t bytes = format_fitted(profile).size();
    if (bytes <= kMaxFittedBytes) break;
    const std::size_t over = (bytes - kMaxFittedBytes) / kStratumBytes + 1;
    if (profile.strata.size() <= over + 8) {
      return error(
          Code::bad_input,
          fmt::format("{} minutes leave no room in a profile of {} bytes", profile.minutes.size(), kMaxFittedBytes),
          "fit to a part: --requests and --skip");
    }
    strata = profile.strata.size() - over;
  }
  if (const std::string fault = fault_of(profile); !fault.empty()) return error(Code::bad_input, fault);
  return profile;
}

}  // namespace kv
