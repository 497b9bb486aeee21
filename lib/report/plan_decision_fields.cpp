#include "report/plan_rows.hpp"

namespace kv {
namespace {

constexpr double kNever = 1e9;  // days, as a target's best possible payback has it where nothing is saved

const Uncertainty* the_draws(const PlanContext& c, std::size_t) {
  return c.estimate != nullptr && c.estimate->uncertainty.draws > 0 ? &c.estimate->uncertainty : nullptr;
}
const Decision* the_decision(const PlanContext& c, std::size_t) {
  return c.estimate != nullptr && c.estimate->decision.band != nullptr ? &c.estimate->decision : nullptr;
}

std::string_view input_name(std::size_t input) {
  return input < plan_inputs().size() ? plan_inputs()[input].name : std::string_view();
}
std::string_view input_summary(std::size_t input) {
  return input < plan_inputs().size() ? plan_inputs()[input].summary : std::string_view();
}

PlanTable targets_table() {
  using T = TargetRow;
  PlanRows<T> t(
      "targets", "the checklist's targets; ratios are without / with the cache",
      [](const PlanContext& c) { return c.estimate == nullptr ? 0 : c.estimate->targets.size(); },
      [](const PlanContext& c, std::size_t i) { return &c.estimate->targets[i]; });
  t.add("level", Unit::text, "must, should, nice", [](const T& r) { return target_level_name(r.rule.level); });
  t.add("metric", Unit::text, "what it is about", [](const T& r) { return target_metric_name(r.rule.metric); });
  t.add("bound", Unit::amount, "that is to be kept", [](const T& r) { return r.rule.bound; });
  t.add("at_most", Unit::flag, "the figure must be below the bound; else the bound at least",
        [](const T& r) { return r.rule.at_most; });
  t.add_signed("value", Unit::amount, "what the chosen plan reaches; null: not measured, or never",
               [](const T& r) { return r.figure.value; });
  t.add("status", Unit::text, "met, missed, not reachable, not measured",
        [](const T& r) { return target_status_name(r.status); });
  t.add_signed("best_possible", Unit::amount, "what no cache could beat on this workload; null: not known, or never",
               [](const T& r) -> std::optional<double> {
                 const auto& best = r.figure.best_possible;
                 const bool never = r.rule.metric == TargetMetric::payback_days && best && *best >= kNever;
                 return never ? std::nullopt : best;
               });
  t.add("reason", Unit::text, "why none could", [](const T& r) { return r.figure.reason; });
  return t.take();
}

void add_quantiles(PlanRows<Uncertainty>& t, const std::string& path, Quantiles Uncertainty::*which, bool negative,
                   const char* meaning) {
  const auto add = [&](const char* name, double Quantiles::*quantile) {
    const auto get = [which, quantile](const Uncertainty& u) { return u.*which.*quantile; };
    if (negative) {
      t.add_signed(path + "." + name, Unit::usd, meaning, get);
    } else {
      t.add(path + "." + name, Unit::usd, meaning, get);
    }
  };
  add("p10", &Quantiles::p10);
  add("p50", &Quantiles::p50);
  add("p90", &Quantiles::p90);
}

PlanTable uncertainty_table() {
  PlanRows<Uncertainty> t("uncertainty", "the chosen plan, every input drawn from its range; null: nothing was drawn",
                          the_draws);
  t.add("draws", Unit::count, "of all inputs at once", &Uncertainty::draws);
  t.add("seed", Unit::count, "of the draws", &Uncertainty::seed);
  add_quantiles(t, "cost_usd_per_month", &Uncertainty::cost_usd_per_month, false,
                "the cache; a tenth, half, nine tenths of the draws are below");
  add_quantiles(t, "saving_usd_per_month", &Uncertainty::saving_usd_per_month, true, "GPUs less the cache, likewise");
  add_quantiles(t, "net_12_months_usd", &Uncertainty::net_12_months_usd, true, "twelve months' net, likewise");
  const char* const kDays = "likewise; null: so many draws, at least, never pay back";
  t.add("payback_days.p10", Unit::amount, kDays, &Uncertainty::payback_days_p10);
  t.add("payback_days.p50", Unit::amount, kDays, &Uncertainty::payback_days_p50);
  t.add("payback_days.p90", Unit::amount, kDays, &Uncertainty::payback_days_p90);
  t.add("chance_of_gain", Unit::ratio, "of the draws that leave something after twelve months",
        &Uncertainty::chance_of_gain);
  return t.take();
}

PlanTable tornado_table() {
  using T = TornadoRow;
  PlanRows<T> t(
      "uncertainty.tornado",
      "twelve months' net with one input at its ends, the others typical; the largest swing first",
      [](const PlanContext& c) { return the_draws(c, 0) == nullptr ? 0 : c.estimate->uncertainty.tornado.size(); },
      [](const PlanContext& c, std::size_t i) { return &c.estimate->uncertainty.tornado[i]; });
  t.add("input", Unit::text, "of .inputs[]", [](const T& r) { return input_name(r.input); });
  t.add_signed("low", Unit::amount, "its range", [](const T& r) { return r.range.low; });
  t.add_signed("typical", Unit::amount, "likewise", [](const T& r) { return r.range.typical; });
  t.add_signed("high", Unit::amount, "likewise", [](const T& r) { return r.range.high; });
  t.add_signed("net_at_low_usd", Unit::usd, "twelve months' net", &T::net_at_low_usd);
  t.add_signed("net_at_high_usd", Unit::usd, "likewise", &T::net_at_high_usd);
  t.add("swing_usd", Unit::usd, "between the two", &T::swing_usd);
  return t.take();
}

PlanTable changes_table() {
  using T = ChangeRow;
  PlanRows<T> t(
      "changes", "how far one input must go until the verdict turns, the others typical",
      [](const PlanContext& c) { return c.estimate == nullptr ? 0 : c.estimate->changes.size(); },
      [](const PlanContext& c, std::size_t i) { return &c.estimate->changes[i]; });
  t.add("input", Unit::text, "of .inputs[]", [](const T& r) { return input_name(r.input); });
  t.add("summary", Unit::text, "what it is", [](const T& r) { return input_summary(r.input); });
  t.add_signed("typical", Unit::amount, "as planned", &T::typical);
  t.add_signed("turns_at", Unit::amount, "null: nowhere between a hundredth and a hundred times of it, or its bounds",
               &T::turns_at);
  return t.take();
}

std::vector<std::string> kind_names(const DecisionBand& band) {
  std::vector<std::string> out;
  for (const CacheKind kind : band.kinds) out.emplace_back(cache_kind_row(kind).name);
  return out;
}

/// The same figures of the band that applies and of all bands. `band_of_row` gives a band of a row.
template <class Row, class BandOf>
void add_band(PlanRows<Row>& t, BandOf band_of_row) {
  const auto of = [band_of_row](auto get) {
    return [band_of_row, get](const Row& r) { return std::invoke(get, band_of_row(r)); };
  };
  using B = DecisionBand;
  t.add("band", Unit::text, "its answer", of(&B::name));
  t.add("says", Unit::texts, "the kinds that it names", of(kind_names));
  t.add("from_gpus", Unit::count, "where it begins", of(&B::from_gpus));
  t.add("to_gpus", Unit::count, "the first that is beyond; null: no end", of(&B::to_gpus));
  t.add("usd_low", Unit::usd, "its budget a month", of(&B::usd_low));
  t.add("usd_high", Unit::usd, "likewise; null: no end", of(&B::usd_high));
  t.add("days_low", Unit::amount, "its days of work", of(&B::days_low));
  t.add("days_high", Unit::amount, "likewise", of(&B::days_high));
  t.add("summary", Unit::text, "in words", of(&B::summary));
}

PlanTable decision_table() {
  PlanRows<Decision> t("decision", "the checklist's rule, by the number of GPUs, beside the numbers", the_decision);
  t.add("gpus", Unit::count, "of the fleet",
        [](const Decision&, const PlanCell& at) { return at.context.basis->fleet_gpus; });
  add_band(t, [](const Decision& d) -> const DecisionBand& { return *d.band; });
  t.add("numbers_say", Unit::text, "kind of the plan that leaves most; null: none leaves anything",
        [](const Decision&, const PlanCell& at) -> std::string_view {
          const Plan* plan = chosen_plan(at.context);
          return plan != nullptr && plan->net_usd() > 0 ? plan->option.row->name : std::string_view();
        });
  t.add("agree", Unit::flag, "the rule names that kind", &Decision::agree);
  t.add("explanation", Unit::texts, "why the numbers say what they say", &Decision::explanation);
  t.add("leaving", Unit::texts, "what it would take to leave the band", &Decision::leaving);
  return t.take();
}

PlanTable bands_table() {
  PlanRows<DecisionBand> t(
      "decision.bands", "all bands of the rule",
      [](const PlanContext& c) { return the_decision(c, 0) == nullptr ? 0 : decision_bands().size(); },
      [](const PlanContext&, std::size_t i) { return &decision_bands()[i]; });
  add_band(t, [](const DecisionBand& b) -> const DecisionBand& { return b; });
  t.add("applies", Unit::flag, "to this fleet", [](const DecisionBand& b, const PlanCell& at) {
    const Decision* decision = the_decision(at.context, 0);
    return decision != nullptr && decision->band == &b;
  });
  return t.take();
}

PlanTable budgets_table() {
  using T = BudgetRow;
  PlanRows<T> t(
      "decision.budgets", "what a budget buys on the rented machines that are cheapest by the byte",
      [](const PlanContext& c) { return the_decision(c, 0) == nullptr ? 0 : c.estimate->decision.budgets.size(); },
      [](const PlanContext& c, std::size_t i) { return &c.estimate->decision.budgets[i]; });
  t.add("usd_per_month", Unit::usd, "the budget", &T::usd_per_month);
  t.add("bytes", Unit::bytes, "stored bytes that it keeps", &T::bytes);
  t.add("tokens", Unit::count, "the same in tokens", &T::tokens);
  t.add("token_hit_rate", Unit::ratio, "of all input tokens, beside the engines' own", &T::token_hit_rate);
  t.add("saved_usd_per_month", Unit::usd, "GPU time, were it bought by the second", &T::saved_usd_per_month);
  return t.take();
}

PlanTable inputs_table() {
  PlanRows<Uncertain> t(
      "inputs", "figures that nobody knows exactly, as this plan takes them",
      [](const PlanContext& c) { return c.ranges == nullptr ? 0 : c.ranges->size(); },
      [](const PlanContext& c, std::size_t i) { return &(*c.ranges)[i]; });
  t.add("input", Unit::text, "its name", [](const Uncertain&, const PlanCell& at) { return input_name(at.row); });
  t.add_signed("low", Unit::amount, "of its range", &Uncertain::low);
  t.add_signed("typical", Unit::amount, "what the plan takes; a level of prices is 0.5 where they are typical",
               &Uncertain::typical);
  t.add_signed("high", Unit::amount, "of its range", &Uncertain::high);
  t.add("summary", Unit::text, "what it is",
        [](const Uncertain&, const PlanCell& at) { return input_summary(at.row); });
  return t.take();
}

PlanTable scale_table() {
  using T = ScaleRow;
  PlanRows<T> t(
      "scale", "fleets of other sizes under more of the same traffic",
      [](const PlanContext& c) { return c.scale.size(); },
      [](const PlanContext& c, std::size_t i) { return &c.scale[i]; });
  t.add("gpus", Unit::count, "of the fleet", &T::gpus);
  t.add("traffic", Unit::factor, "times what keeps them as busy as planned, without a cache", &T::traffic);
  t.add("requests_per_s", Unit::per_s, "of that traffic", &T::requests_per_s);
  t.add("gpus_without", Unit::count, "that are needed in whole instances, without a cache", &T::gpus_without);
  t.add("gpus_with", Unit::count, "likewise with it", &T::gpus_with);
  t.add("kind", Unit::text, "that leaves most, or loses least",
        [](const T& r) { return r.plan.option.row != nullptr ? r.plan.option.row->name : std::string_view(); });
  t.add("on", Unit::text, "entry of the price file", [](const T& r) { return r.plan.option.on; });
  t.add("machines", Unit::count, "null: none are counted", [](const T& r) {
    return r.plan.option.nodes ? r.plan.option.nodes->machines : std::optional<std::uint64_t>();
  });
  t.add("cache_bytes", Unit::bytes, "stored bytes, one copy",
        [](const T& r) { return r.plan.option.size.stored_bytes * r.plan.option.kept_share; });
  t.add("network_bytes_per_s", Unit::bytes_per_s, "read and written at the busiest time", &T::network_bytes_per_s);
  t.add("binding", Unit::text, "constraint that asks for most machines; room: what the GPU machines have free",
        [](const T& r) -> std::string_view {
          if (r.plan.option.nodes) return node_constraint_name(r.plan.option.nodes->binding);
          const bool local = r.plan.option.row != nullptr && place_of(r.plan.option.row->kind) != CachePlace::shared;
          return local ? "room" : std::string_view();
        });
  t.add("usd_per_month", Unit::usd, "the cache; null: cannot be had",
        [](const T& r) { return r.plan.option.cost ? std::optional(r.plan.option.cost->total()) : std::nullopt; });
  t.add_signed("monthly_saving_usd", Unit::usd, "GPUs less the cache",
               [](const T& r) { return r.plan.roi ? std::optional(r.plan.roi->monthly_saving_usd()) : std::nullopt; });
  t.add_signed("net_12_months_usd", Unit::usd, "of twelve months less the effort",
               [](const T& r) { return r.plan.roi ? std::optional(r.plan.roi->net_12_months_usd) : std::nullopt; });
  return t.take();
}

}  // namespace

void add_decision_tables(std::vector<PlanTable>& out) {
  out.push_back(targets_table());
  out.push_back(uncertainty_table());
  out.push_back(tornado_table());
  out.push_back(changes_table());
  out.push_back(decision_table());
  out.push_back(bands_table());
  out.push_back(budgets_table());
  out.push_back(inputs_table());
  out.push_back(scale_table());
}

}  // namespace kv
