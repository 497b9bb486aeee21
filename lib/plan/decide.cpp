#include "plan/decide.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "plan/dollars.hpp"
#include "plan/rent_tiers.hpp"

namespace kv {
namespace {

constexpr std::array kBudgets_usd{100.0, 500.0, 1'000.0, 10'000.0, 50'000.0};

bool names(const DecisionBand& band, CacheKind kind) {
  return std::find(band.kinds.begin(), band.kinds.end(), kind) != band.kinds.end();
}

/// The band's kind that leaves most; nullptr: none can be had.
const Plan* best_in(const std::vector<Plan>& plans, const DecisionBand& band) {
  const Plan* best = nullptr;
  for (const Plan& plan : plans) {
    if (!plan.roi || !names(band, plan.option.row->kind)) continue;
    if (best == nullptr || plan.net_usd() > best->net_usd()) best = &plan;
  }
  return best;
}

std::string net_of(const Plan& plan) {
  return fmt::format("{} for {} a month leaves {} in twelve months", plan.option.row->name,
                     dollars(plan.option.cost->total()), dollars(plan.net_usd()));
}

std::vector<std::string> explain(const Decision& d, const std::vector<Plan>& plans, const Plan* best) {
  std::vector<std::string> out;
  const Plan* ruled = best_in(plans, *d.band);
  if (best == nullptr) return {"no kind of cache can be had at any size that was looked at"};
  out.push_back(ruled == nullptr ? fmt::format("what the rule names cannot be had here: {}", d.band->summary)
                                 : "the rule's best: " + net_of(*ruled));
  if (best->net_usd() <= 0) {
    out.emplace_back("the numbers say none at all: " + net_of(*best) + ", and every other kind leaves less");
    return out;
  }
  if (d.agree) {
    out.emplace_back("the numbers agree: nothing leaves more");
    return out;
  }
  out.emplace_back("the numbers say another: " + net_of(*best));
  out.emplace_back(
      "the rule looks at the number of GPUs alone; what a cache is worth follows from how often prompts come "
      "back within the time that their keeping is cheaper than computing them again");
  return out;
}

/// What it would take to be in the neighbouring bands.
std::vector<std::string> leave(const FleetStudy& study, const DecisionBand& band, const Scenario& scenario) {
  std::vector<std::string> out;
  const double needed =
      (study.prefill_gpus + study.decode_gpus) * scenario.traffic * scenario.peak / scenario.utilisation;
  const auto say = [&](std::uint32_t gpus, const DecisionBand& other) {
    std::string text = fmt::format("{} GPUs: from there on the rule says {}", gpus, other.name);
    if (gpus < band.from_gpus)
      text = fmt::format("fewer than {} GPUs: the rule then says {}", band.from_gpus, other.name);
    if (needed > 0) {
      text += fmt::format("; the workload would fill {} at {:.4g} times its traffic",
                          gpus < band.from_gpus ? band.from_gpus : gpus, gpus / needed * scenario.traffic);
    }
    out.push_back(std::move(text));
  };
  const auto& bands = decision_bands();
  for (std::size_t i = 0; i < bands.size(); ++i) {
    if (&bands[i] != &band) continue;
    if (i > 0) say(band.from_gpus - 1, bands[i - 1]);
    if (band.to_gpus) say(*band.to_gpus, bands[i + 1]);
  }
  return out;
}

/// Of the shared stores that were simulated, in straight lines from nothing to the largest.
struct Bought {
  double hit_rate = 0, saved_gpus = 0;
};
Bought bought(const FleetStudy& study, double blocks) {
  Bought before;
  double before_blocks = 0;
  for (const Served& served : study.stores) {
    if (served.place != CachePlace::shared) continue;
    const Bought now{served.token_hit_rate, std::max(study.prefill_gpus - served.prefill_gpus, 0.0)};
    if (blocks < served.blocks) {
      const double share = (blocks - before_blocks) / (served.blocks - before_blocks);
      return {before.hit_rate + (now.hit_rate - before.hit_rate) * share,
              before.saved_gpus + (now.saved_gpus - before.saved_gpus) * share};
    }
    before = now;
    before_blocks = served.blocks;
  }
  return before;
}

Result<std::vector<BudgetRow>> budgets(const PlanBasis& basis, const FleetStudy& study, const Scenario& scenario) {
  const auto tiers = rent_tiers(basis, study, scenario);
  if (!tiers) return error(tiers);
  const RentTierAnswer* rented = nullptr;
  for (const RentTierAnswer& tier : *tiers) {
    if (tier.kind->kind == CacheKind::redis_cluster) rented = &tier;
  }
  std::vector<BudgetRow> out;
  if (rented == nullptr || rented->tier.usd_per_gb_hour <= 0) return out;
  for (const double usd : kBudgets_usd) {
    BudgetRow row;
    row.usd_per_month = usd;
    const double blocks = usd / kHoursPerMonth / rented->tier.usd_per_gb_hour / scenario.cache_price_factor * 1e9 /
                          rented->stored_bytes_per_block;
    row.bytes = blocks * basis.block_payload_bytes() * scenario.stored_per_payload;
    row.tokens = blocks * static_cast<double>(basis.geometry->block_size().count());
    const Bought what = bought(study, blocks / scenario.traffic);
    row.token_hit_rate = what.hit_rate * scenario.hits;
    row.saved_usd_per_month = what.saved_gpus * scenario.hits * scenario.traffic * scenario.prefill_time *
                              scenario.gpu_usd_per_hour * kHoursPerMonth;
    out.push_back(row);
  }
  return out;
}

}  // namespace

const std::vector<DecisionBand>& decision_bands() {
  // The checklist's tree, with its bands of effort and budget (../shared/CATALOG.md, Prices).
  static const std::vector<DecisionBand> bands{
      {"Redis", 1, 100, {CacheKind::redis, CacheKind::valkey}, 100, 500, 1, 3, "one Redis server"},
      {"Redis Cluster or Dragonfly",
       100,
       1000,
       {CacheKind::redis_cluster, CacheKind::valkey, CacheKind::dragonfly},
       1'000,
       10'000,
       3,
       7,
       "Redis Cluster or Dragonfly"},
      {"a vendor's platform",
       1000,
       std::nullopt,
       {CacheKind::vendor_platform},
       50'000,
       std::nullopt,
       10,
       20,
       "a vendor's platform"},
  };
  return bands;
}

const DecisionBand& band_of(std::uint32_t gpus) {
  const auto& bands = decision_bands();
  for (const DecisionBand& band : bands) {
    if (!band.to_gpus || gpus < *band.to_gpus) return band;
  }
  return bands.back();
}

Result<Decision> decide(const PlanBasis& basis, const FleetStudy& study, const std::vector<Plan>& plans,
                        const Scenario& scenario) {
  Decision out;
  out.band = &band_of(basis.fleet_gpus);
  const Plan* best = best_of(plans);
  out.agree = best != nullptr && best->net_usd() > 0 && names(*out.band, best->option.row->kind);
  out.explanation = explain(out, plans, best);
  out.leaving = leave(study, *out.band, scenario);
  auto rows = budgets(basis, study, scenario);
  if (!rows) return error(rows);
  out.budgets = std::move(*rows);
  return out;
}

}  // namespace kv
