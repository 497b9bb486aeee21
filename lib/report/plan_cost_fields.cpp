#include <algorithm>

#include "report/plan_rows.hpp"

namespace kv {

const Plan* chosen_plan(const PlanContext& c) {
  return c.estimate != nullptr && c.estimate->chosen < c.estimate->plans.size() ? &c.estimate->best() : nullptr;
}

const RoiMonth* first_month(const Plan& plan) { return plan.roi ? &plan.roi->months.front() : nullptr; }

namespace {

/// Of a plan that can be had; null of another.
template <class Get>
auto of_roi(Get get) {
  return [get](const Plan& p) -> std::optional<double> {
    return p.roi ? std::optional<double>(std::invoke(get, *p.roi)) : std::nullopt;
  };
}
auto of_cost(double MonthlyCost::*part) {
  return [part](const Plan& p) -> std::optional<double> {
    return p.option.cost ? std::optional(*p.option.cost.*part) : std::nullopt;
  };
}
auto gpus_of(double RoiMonth::*instances) {
  return [instances](const Plan& p, const PlanCell& at) -> std::optional<double> {
    const RoiMonth* month = first_month(p);
    return month != nullptr ? std::optional(month->*instances * at.context.basis->gpus_per_instance()) : std::nullopt;
  };
}
std::optional<double> payback(const Plan& p) { return p.roi ? p.roi->payback_days : std::nullopt; }
std::optional<double> net(const Plan& p) { return p.roi ? std::optional(p.roi->net_12_months_usd) : std::nullopt; }

PlanTable cost_table() {
  PlanRows<Estimate> t("cost", "what the GPUs and each kind of cache cost a month of 730 hours",
                       [](const PlanContext& c, std::size_t) { return c.estimate; });
  t.add("gpu_usd_per_hour", Unit::usd, "one GPU", [](const Estimate& e) { return e.scenario.gpu_usd_per_hour; });
  t.add("baseline_usd_per_month", Unit::usd, "of the GPUs that are needed or committed without this cache",
        [](const Estimate&, const PlanCell& at) -> std::optional<double> {
          const Plan* plan = chosen_plan(at.context);
          const RoiMonth* month = plan != nullptr ? first_month(*plan) : nullptr;
          return month != nullptr ? std::optional(month->baseline_usd) : std::nullopt;
        });
  return t.take();
}

const Plan* option_at(const PlanContext& c, std::size_t i) {
  const Estimate& e = *c.estimate;
  return i < e.plans.size() ? &e.plans[i] : &e.spread[i - e.plans.size()];
}

void add_what(PlanRows<Plan>& t) {
  t.add("kind", Unit::text, "way of keeping it", [](const Plan& p) { return p.option.row->name; });
  t.add("chosen", Unit::flag, "the plan that leaves most, or loses least",
        [](const Plan& p, const PlanCell& at) { return &p == chosen_plan(at.context); });
  t.add("on", Unit::text, "entry of the price file: machine, store or platform",
        [](const Plan& p) { return p.option.on; });
  t.add("verified", Unit::flag, "its price was read at its source, not said from memory",
        [](const Plan& p) { return p.option.verified; });
  t.add("zones", Unit::text, "given: as the options say; spread over three: two of three reads and writes cross one",
        [](const Plan& p) { return p.zones == ZonePlacement::spread ? "spread over three" : "given"; });
  t.add("tokens", Unit::count, "kept", [](const Plan& p) { return p.option.size.tokens * p.option.kept_share; });
  t.add("bytes", Unit::bytes, "stored bytes of them, one copy",
        [](const Plan& p) { return p.option.size.stored_bytes * p.option.kept_share; });
  t.add("token_hit_rate", Unit::ratio, "of all input tokens", [](const Plan& p) { return p.traffic.token_hit_rate; });
  t.add("machines", Unit::count, "null: none are counted, or no number is enough",
        [](const Plan& p) { return p.option.nodes ? p.option.nodes->machines : std::optional<std::uint64_t>(); });
  t.add("binding", Unit::text, "constraint that asks for most", [](const Plan& p) {
    return p.option.nodes ? node_constraint_name(p.option.nodes->binding) : std::string_view();
  });
}

void add_bill(PlanRows<Plan>& t) {
  t.add("usd_per_month", Unit::usd, "sum of the parts that follow; null: cannot be had",
        [](const Plan& p) { return p.option.cost ? std::optional(p.option.cost->total()) : std::nullopt; });
  t.add("rent_usd_per_month", Unit::usd, "machines, or bytes that are kept", of_cost(&MonthlyCost::rent_usd));
  t.add("requests_usd_per_month", Unit::usd, "one for each request", of_cost(&MonthlyCost::requests_usd));
  t.add("bytes_usd_per_month", Unit::usd, "for what requests move beyond that", of_cost(&MonthlyCost::bytes_usd));
  t.add("cross_zone_usd_per_month", Unit::usd, "between zones", of_cost(&MonthlyCost::cross_zone_usd));
  t.add("amortisation_usd_per_month", Unit::usd, "of machines that were bought",
        of_cost(&MonthlyCost::amortisation_usd));
  t.add("power_usd_per_month", Unit::usd, "of those", of_cost(&MonthlyCost::power_usd));
  t.add("colocation_usd_per_month", Unit::usd, "of those", of_cost(&MonthlyCost::colocation_usd));
  t.add("one_off_usd", Unit::usd, "hours of integration x their price",
        [](const Plan& p) { return p.option.one_off_usd; });
  t.add("setup_hours", Unit::amount, "of the kind alone", [](const Plan& p) { return p.option.setup_hours; });
}

void add_return(PlanRows<Plan>& t) {
  t.add("gpus_without", Unit::count, "that are needed in whole instances, without this cache",
        gpus_of(&RoiMonth::baseline_instances));
  t.add("gpus_with", Unit::count, "likewise with it", gpus_of(&RoiMonth::cached_instances));
  t.add_signed("monthly_saving_usd", Unit::usd, "GPUs less the cache, in the first month",
               of_roi(&Roi::monthly_saving_usd));
  t.add_signed("net_12_months_usd", Unit::usd, "savings of twelve months less one_off_usd", net);
  t.add("payback_days", Unit::amount, "until savings reach one_off_usd; null: never, or cannot be had", payback);
  t.add("usd_per_million_tokens_without", Unit::usd, "input and output, decode included, without this cache",
        [](const Plan& p) { return p.roi ? p.roi->baseline_usd_per_million_tokens : std::nullopt; });
  t.add("usd_per_million_tokens_with", Unit::usd, "likewise with it",
        [](const Plan& p) { return p.roi ? p.roi->cached_usd_per_million_tokens : std::nullopt; });
  t.add("trouble", Unit::text, "why it cannot be had", [](const Plan& p) { return p.option.trouble; });
}

PlanTable options_table() {
  PlanRows<Plan> t(
      "cost.options", "the best of each kind, then those of several machines spread over three zones",
      [](const PlanContext& c) {
        return c.estimate == nullptr ? 0 : c.estimate->plans.size() + c.estimate->spread.size();
      },
      option_at);
  add_what(t);
  add_bill(t);
  add_return(t);
  return t.take();
}

PlanTable roi_table() {
  PlanRows<Plan> t("roi", "whether the chosen plan is worth it",
                   [](const PlanContext& c, std::size_t) { return chosen_plan(c); });
  t.add("verdict", Unit::text, "yes, no, cannot tell",
        [](const Plan&, const PlanCell& at) { return verdict_name(at.context.estimate->verdict); });
  t.add("in_words", Unit::text, "the same in a sentence",
        [](const Plan&, const PlanCell& at) { return verdict_in_words(*at.context.estimate); });
  t.add("reasons", Unit::texts, "why", [](const Plan&, const PlanCell& at) { return at.context.estimate->reasons; });
  t.add("kind", Unit::text, "way of keeping it", [](const Plan& p) { return p.option.row->name; });
  t.add_signed("monthly_saving_usd", Unit::usd, "GPUs less the cache, in the first month",
               of_roi(&Roi::monthly_saving_usd));
  t.add("payback_days", Unit::amount, "until savings reach one_off_usd; null: never", payback);
  t.add_signed("net_12_months_usd", Unit::usd, "savings of twelve months less one_off_usd", net);
  t.add("one_off_usd", Unit::usd, "effort of integration", [](const Plan& p) { return p.option.one_off_usd; });
  t.add_signed("saved_instances", Unit::amount, "that need not run", of_roi(&Roi::saved_instances));
  t.add_signed("saved_gpus", Unit::amount, "of them", [](const Plan& p, const PlanCell& at) -> std::optional<double> {
    if (!p.roi) return std::nullopt;
    return p.roi->saved_instances() * at.context.basis->gpus_per_instance();
  });
  t.add("committed_instances", Unit::count, "paid for, needed or not: of them only deferred growth is saved",
        [](const Plan&, const PlanCell& at) { return at.context.basis->committed_instances; });
  t.add("throughput_gain", Unit::factor,
        "what the same GPUs could serve with the cache / without: busy GPUs without / with",
        [](const Plan& p) -> std::optional<double> {
          const double cached = p.traffic.cached.total();
          return cached > 0 ? std::optional(p.traffic.baseline.total() / cached) : std::nullopt;
        });
  const auto busy = [](GpuDemand CacheTraffic::*side, double GpuDemand::*part) {
    return [side, part](const Plan& p) { return p.traffic.*side.*part; };
  };
  t.add("baseline_prefill_gpus", Unit::amount, "busy on average at the busiest time planned for, without the cache",
        busy(&CacheTraffic::baseline, &GpuDemand::prefill_gpus));
  t.add("cached_prefill_gpus", Unit::amount, "likewise with it", busy(&CacheTraffic::cached, &GpuDemand::prefill_gpus));
  t.add("baseline_decode_gpus", Unit::amount, "busy with decode, which no prefix cache speeds up",
        busy(&CacheTraffic::baseline, &GpuDemand::decode_gpus));
  t.add("cached_decode_gpus", Unit::amount, "likewise with the cache",
        busy(&CacheTraffic::cached, &GpuDemand::decode_gpus));
  t.add("tokens_per_month", Unit::amount, "input and output", [](const Plan& p) { return p.traffic.tokens_per_month; });
  return t.take();
}

PlanTable months_table() {
  PlanRows<RoiMonth> t(
      "roi.months", "the bill of each of twelve months, growth included",
      [](const PlanContext& c) {
        const Plan* plan = chosen_plan(c);
        return plan != nullptr && plan->roi ? plan->roi->months.size() : 0;
      },
      [](const PlanContext& c, std::size_t i) -> const RoiMonth* { return &chosen_plan(c)->roi->months[i]; });
  t.add("month", Unit::count, "1 to 12", [](const RoiMonth&, const PlanCell& at) { return at.row + 1; });
  t.add("baseline_instances", Unit::count, "needed without the cache", &RoiMonth::baseline_instances);
  t.add("cached_instances", Unit::count, "needed with it", &RoiMonth::cached_instances);
  t.add("baseline_usd", Unit::usd, "GPUs without the cache", &RoiMonth::baseline_usd);
  t.add("cached_gpu_usd", Unit::usd, "GPUs with it", &RoiMonth::cached_gpu_usd);
  t.add("cache_usd", Unit::usd, "the cache", &RoiMonth::cache_usd);
  t.add_signed("saving_usd", Unit::usd, "baseline_usd - cached_gpu_usd - cache_usd", &RoiMonth::saving_usd);
  return t.take();
}

}  // namespace

void add_cost_tables(std::vector<PlanTable>& out) {
  out.push_back(cost_table());
  out.push_back(options_table());
  out.push_back(roi_table());
  out.push_back(months_table());
}

}  // namespace kv
