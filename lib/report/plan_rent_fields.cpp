#include "report/plan_rows.hpp"

namespace kv {
namespace {

using Tier = RentTierAnswer;

auto of_tier(double RentTier::*figure) {
  return [figure](const Tier& t) { return t.tier.*figure; };
}
template <class Figure>
auto of_answer(Figure RentAnswer::*figure) {
  return [figure](const Tier& t) { return t.answer.*figure; };
}
auto of_ttl(double BestTtl::*figure) {
  return [figure](const Tier& t) -> std::optional<double> {
    return t.answer.ttl ? std::optional(*t.answer.ttl.*figure) : std::nullopt;
  };
}
/// Of one of the sizes that are advised.
template <class Get>
auto of_choice(std::optional<CapacityChoice> CapacityAdvice::*which, Get get) {
  return [which, get](const Tier& t) -> std::optional<double> {
    const std::optional<CapacityChoice>& choice = t.advice.*which;
    return choice ? std::optional<double>(std::invoke(get, *choice)) : std::nullopt;
  };
}
double bytes_of(const CapacityChoice& c) { return c.point.stored_bytes; }
double hit_rate_of(const CapacityChoice& c) { return c.point.token_hit_rate; }
double saved_of(const CapacityChoice& c) { return c.point.saved_usd_per_hour; }

void add_prices(PlanRows<Tier>& t) {
  t.add("tier", Unit::text, "kind of cache that keeps blocks there",
        [](const Tier& r) { return r.kind != nullptr ? r.kind->name : std::string_view(); });
  t.add("on", Unit::text, "entry of the price file: the cheapest by the byte", &Tier::on);
  t.add("verified", Unit::flag, "its price was read at its source, not said from memory", &Tier::verified);
  t.add("usd_per_gb_hour", Unit::usd, "of bytes that are held; 0: paid for already",
        of_tier(&RentTier::usd_per_gb_hour));
  t.add("usd_per_gb_read", Unit::usd, "requests and zones", of_tier(&RentTier::usd_per_gb_read));
  t.add("usd_per_gb_written", Unit::usd, "likewise", of_tier(&RentTier::usd_per_gb_written));
  t.add("stored_bytes_per_block", Unit::amount, "with codec, overhead, reserve and all copies",
        &Tier::stored_bytes_per_block);
}

void add_interval(PlanRows<Tier>& t) {
  t.add("recompute_usd_per_block", Unit::usd, "GPU time that the mean reused block takes",
        of_answer(&RentAnswer::recompute_usd_per_block));
  t.add("rent_usd_per_block_hour", Unit::usd, "stored_bytes_per_block / 10^9 x usd_per_gb_hour",
        of_answer(&RentAnswer::rent_usd_per_block_hour));
  t.add("breakeven_reuse_s", Unit::seconds,
        "since the last use: keeping has then cost as much as computing again and not reading; null: rent is free",
        of_answer(&RentAnswer::breakeven_reuse_s));
  t.add("breakeven_first_block_s", Unit::seconds, "the same for the first block of a prompt",
        of_answer(&RentAnswer::breakeven_first_block_s));
  t.add("breakeven_deepest_s", Unit::seconds, "the same for the deepest block that is reused",
        of_answer(&RentAnswer::breakeven_deepest_s));
  t.add("share_inside", Unit::ratio, "of the reuses, each at its own depth, that come sooner; null: there are none",
        of_answer(&RentAnswer::share_inside));
  t.add("ttl_s", Unit::seconds, "time to live since the last use that leaves most; null: none saves more than its rent",
        of_ttl(&BestTtl::ttl_s));
  t.add("ttl_saved_usd", Unit::usd, "GPU time that it saves, over the workload's span", of_ttl(&BestTtl::saved_usd));
  t.add("ttl_rent_usd", Unit::usd, "its rent, likewise", of_ttl(&BestTtl::rent_usd));
}

void add_capacity(PlanRows<Tier>& t) {
  t.add("best_bytes", Unit::bytes, "size that leaves most: marginal rent = marginal saving; null: none leaves anything",
        of_choice(&CapacityAdvice::best, bytes_of));
  t.add("best_token_hit_rate", Unit::ratio, "with it", of_choice(&CapacityAdvice::best, hit_rate_of));
  t.add_signed("best_net_usd_per_hour", Unit::usd, "GPU time saved less rent and what is moved",
               of_choice(&CapacityAdvice::best, &CapacityChoice::net_usd_per_hour));
  t.add("target_bytes", Unit::bytes, "size that reaches the target hit rate; null: no size does",
        [](const Tier& r) { return r.advice.target_bytes; });
  t.add("knee_bytes", Unit::bytes, "size at which the curve of hits bends most; null: it does not",
        of_choice(&CapacityAdvice::knee, bytes_of));
  t.add_signed("knee_net_usd_per_hour", Unit::usd, "what that leaves",
               of_choice(&CapacityAdvice::knee, &CapacityChoice::net_usd_per_hour));
  t.add("fullest_bytes", Unit::bytes, "size that keeps everything", of_choice(&CapacityAdvice::fullest, bytes_of));
  t.add("fullest_rent_usd_per_hour", Unit::usd, "its rent",
        of_choice(&CapacityAdvice::fullest, &CapacityChoice::rent_usd_per_hour));
  t.add("fullest_saved_usd_per_hour", Unit::usd, "GPU time that it saves",
        of_choice(&CapacityAdvice::fullest, saved_of));
}

}  // namespace

void add_rent_tables(std::vector<PlanTable>& out) {
  PlanRows<Tier> t(
      "rent.tiers",
      "the rent rule in each place that the price file has: dollars of keeping against those of computing",
      [](const PlanContext& c) { return c.estimate == nullptr ? 0 : c.estimate->tiers.size(); },
      [](const PlanContext& c, std::size_t i) { return &c.estimate->tiers[i]; });
  add_prices(t);
  add_interval(t);
  add_capacity(t);
  out.push_back(t.take());
}

}  // namespace kv
