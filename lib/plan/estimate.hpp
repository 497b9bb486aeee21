#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plan/choice.hpp"
#include "plan/decide.hpp"
#include "plan/latency.hpp"
#include "plan/rent_tiers.hpp"
#include "plan/targets.hpp"
#include "plan/uncertainty.hpp"
#include "plan/where.hpp"

namespace kv {

/// From a workload, a model, GPUs and prices to size, nodes, cost, return and a verdict.
struct EstimateQuestion {
  PlanBasis basis;
  PlanRanges ranges;
  std::vector<const CacheKindRow*> kinds;  ///< that may be chosen
  std::optional<ServingSlo> slo;
  std::optional<double> measured_error_rate;  ///< of a run; nullopt: none was given
  std::uint32_t draws = 1000;
  unsigned threads = 0;  ///< of simulation; 0: one a core. The answer does not depend on it
};

enum class Verdict { yes, no, cannot_tell };
std::string_view verdict_name(Verdict verdict);

/// The best plan's nodes with a second copy of everything, and without.
struct ReplicaChoice {
  std::optional<Plan> none, one;
  std::optional<Rewarm> rewarm;  ///< of `none`
};

/// All that `kvplan estimate` tells. Pointers in it are to the question's basis and to `study`.
struct Estimate {
  Scenario scenario;  ///< typical
  std::unique_ptr<FleetStudy> study;
  std::vector<Plan> plans;   ///< the best of each kind, in the order of the kinds
  std::vector<Plan> spread;  ///< of kinds on several machines: the same over three zones
  std::size_t chosen = 0;    ///< the plan that leaves most, or loses least
  LatencyAnswer latency;     ///< with the chosen plan
  std::vector<RentTierAnswer> tiers;
  std::vector<WhereRow> where;
  ReplicaChoice replicas;  ///< of the chosen plan, where it has machines
  Uncertainty uncertainty;
  std::vector<TargetRow> targets;
  Decision decision;
  std::vector<ChangeRow> changes;  ///< what would turn the verdict
  bool fleet_too_small = false;    ///< for the workload, with the chosen plan's cache too: gains are then not told
  Verdict verdict = Verdict::no;
  std::vector<std::string> reasons, assumptions, warnings;

  const Plan& best() const { return plans[chosen]; }
};
/// Deterministic. Fails (bad_input) for what cannot be planned: a fleet that does not hold one instance, ranges that
/// fall, no kind that can be had; (interrupted) once `stop` is true.
Result<Estimate> estimate(const EstimateQuestion& question, const std::atomic<bool>* stop = nullptr);

}  // namespace kv
