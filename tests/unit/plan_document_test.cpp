#include "report/plan_document.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "report/document.hpp"
#include "support/kept_files.hpp"
#include "support/linear_prefill.hpp"
#include "support/schema.hpp"

using namespace kv;

namespace {

constexpr std::array kParts{PlanPart::estimate, PlanPart::size, PlanPart::roi, PlanPart::decide, PlanPart::scale};

/// 40 conversations of 25 turns each, whose prompts grow by a block: a turn has all of the last one's blocks.
Workload chats() {
  constexpr std::uint64_t kChats = 40, kTurns = 25, kBlock = 512;
  WorkloadBuilder builder(Tokens{kBlock});
  std::vector<BlockId> ids;
  for (std::uint64_t turn = 0; turn < kTurns; ++turn) {
    for (std::uint64_t chat = 0; chat < kChats; ++chat) {
      ids.clear();
      for (std::uint64_t block = 0; block <= turn; ++block) ids.push_back(chat * 1000 + block);
      const double at_s = static_cast<double>(turn * kChats + chat) * 0.5;
      REQUIRE(builder.add(from_seconds(at_s), Tokens((turn + 1) * kBlock), Tokens(64), ids).has_value());
    }
  }
  return std::move(builder).build(Tokens(kBlock));
}

Result<Estimate> estimate_of(const PlanBasis& basis, const PlanRanges& ranges) {
  EstimateQuestion q;
  q.basis = basis;
  q.ranges = ranges;
  for (const CacheKindRow& row : cache_kinds()) q.kinds.push_back(&row);
  q.draws = 20;
  q.threads = 2;
  return estimate(q);
}

KvGeometry geometry_of(const char* model, std::uint32_t tp) {
  KvOptions options;
  options.tp = tp;
  return *KvGeometry::make(*find_model(model), options, Tokens(512));
}

/// 16 H100, four instances of llama-3.1-70b.
struct Sample {
  Workload workload = chats();
  Demand demand = *demand_of(workload);
  test::LinearPrefill prefill{1e-4, 0.01, 1e-9};
  KvGeometry geometry = geometry_of("llama-3.1-70b", 4);
  PriceFile prices = *default_prices();
  PlanBasis basis;
  PlanRanges ranges{};
  std::optional<Estimate> estimate;
  PlanContext context;

  Sample() {
    basis.workload = &workload;
    basis.demand = &demand;
    basis.prefill = &prefill;
    basis.geometry = &geometry;
    basis.prices = &prices;
    basis.decode = flat_decode(0.02, 0, 0, 64);
    basis.gpus = basis.fleet_gpus = 16;
    basis.tp = 4;
    basis.engine_cache = Blocks(100);
    basis.links.latency = std::chrono::milliseconds(1);
    basis.links.instance_bytes_per_s = 10e9;
    basis.seed = 7;
    Scenario scenario;
    scenario.gpu_usd_per_hour = 2.95;
    ranges = ranges_around(scenario);
    auto made = estimate_of(basis, ranges);
    if (!made) FAIL(made.error().message);
    estimate = std::move(*made);
    context.command_line = {"kvplan", "estimate", "chats.jsonl"};
    context.config = Json::object();
    context.workload_path = "chats.jsonl";
    context.workload = summarize(workload);
    context.model = "llama-3.1-70b";
    context.gpu = "h100";
    context.weight_dtype = "bf16";
    context.codec = "raw";
    context.stored_per_payload_source = "nominal";
    context.links_source = "a test";
    context.prefill_device = "an abacus";
    context.basis = &basis;
    context.ranges = &ranges;
    context.estimate = &*estimate;
    context.assumptions = {"chats are alike"};
    context.warnings = {"a test made it"};
    context.seed = 7;
  }
  Sample(const Sample&) = delete;
  Sample& operator=(const Sample&) = delete;

  Json document(PlanPart part) {
    context.part = part;
    context.scale.clear();
    if (part == PlanPart::scale) {
      const std::array gpus{8U, 64U};
      const std::array traffic{1.0, 4.0};
      std::vector<const CacheKindRow*> kinds;
      for (const CacheKindRow& row : cache_kinds()) kinds.push_back(&row);
      auto rows = plan_at_scale(basis, *estimate->study, kinds, estimate->scenario, gpus, traffic);
      if (!rows) FAIL(rows.error().message);
      context.scale = std::move(*rows);
    }
    return make_plan_document(context);
  }
};

/// Made once: tests change parts of it and put them back.
Sample& sample() {
  static Sample made;
  return made;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

double at(const Json& document, const char* path) {
  const auto value = number_at(document, path);
  CAPTURE(path);
  REQUIRE(value.has_value());
  return *value;
}

/// No figure of it is infinite or no number.
void check_leaves(const Json& value, const std::string& path) {
  CAPTURE(path);
  if (value.is_number_float()) CHECK(std::isfinite(value.get<double>()));
  if (value.is_object() || value.is_array()) {
    for (const auto& [key, inner] : value.items()) check_leaves(inner, path + "." + key);
  }
}

}  // namespace

TEST_SUITE("plan document") {
  TEST_CASE("each part has its sections, is of the schema, and no figure is infinite") {
    for (const PlanPart part : kParts) {
      CAPTURE(plan_part_name(part));
      const Json document = sample().document(part);
      CHECK(test::violations(document, plan_schema()) == std::vector<std::string>{});
      check_leaves(document, "");
      CHECK(document["part"] == plan_part_name(part));
      CHECK(document["price_date"] == "2026-05-20");
      CHECK(document["assumptions"][0] == "chats are alike");
      CHECK(document["warnings"][0] == "a test made it");
      CHECK(document["seed"] == 7);
      CHECK_FALSE(document.contains("machine"));
      CHECK(document.contains("engine"));
      CHECK(document["inputs"].size() == kPlanInputs);
      CHECK(document.contains("scale") == (part == PlanPart::scale));
      CHECK(document.contains("latency") == (part == PlanPart::estimate));
      CHECK(document.contains("cost") == (part != PlanPart::size && part != PlanPart::scale));
      CHECK(document.dump() == sample().document(part).dump());
    }
  }

  TEST_CASE("figures are those of the estimate, at the places that the issue names") {
    const Json d = sample().document(PlanPart::estimate);
    const Estimate& e = *sample().estimate;
    const Plan& best = e.best();
    CHECK(d["demand"]["requests"] == 1000);
    CHECK(at(d, "demand.requests_per_s") == doctest::Approx(2));
    CHECK(d["demand"]["median_reuse_interval_s"] == 20);
    CHECK(d["engine"]["instances"] == 4);
    CHECK(at(d, "engine.kv_bytes_per_token") == 327'680);
    CHECK(at(d, "size.payload_bytes") == doctest::Approx(at(d, "size.tokens") * at(d, "size.bytes_per_token")));
    CHECK(d["cost"]["options"].size() == e.plans.size() + e.spread.size());
    CHECK(d["cost"]["options"][e.chosen]["chosen"] == true);
    CHECK(at(d, "roi.monthly_saving_usd") == doctest::Approx(best.roi->monthly_saving_usd()));
    CHECK(d["roi"]["payback_days"].is_number() == best.roi->payback_days.has_value());
    CHECK(d["roi"]["verdict"] == verdict_name(e.verdict));
    CHECK(d["roi"]["months"].size() == 12);
    CHECK(d["roi"]["months"][11]["month"] == 12);
    CHECK(d["targets"].size() == checklist_targets().size());
    CHECK(d["decision"]["gpus"] == 16);
    CHECK(d["decision"]["bands"].size() == decision_bands().size());
    REQUIRE(d["rent"]["tiers"].size() == e.tiers.size());
    REQUIRE_FALSE(e.tiers.empty());
    for (const Json& tier : d["rent"]["tiers"]) CHECK(tier.contains("breakeven_reuse_s"));
    CHECK(at(d, "latency.without.ttft_ns.p95") == static_cast<double>(e.latency.without.simulated.ttft.quantile(0.95)));
    CHECK(d["uncertainty"]["draws"] == 20);
    CHECK(d["where"].size() == e.where.size());
  }

  TEST_CASE("an option's parts add up to its month") {
    constexpr std::array kCosts{"rent_usd_per_month",       "requests_usd_per_month",     "bytes_usd_per_month",
                                "cross_zone_usd_per_month", "amortisation_usd_per_month", "power_usd_per_month",
                                "colocation_usd_per_month"};
    const Json d = sample().document(PlanPart::roi);
    for (const Json& option : d["cost"]["options"]) {
      CAPTURE(option.dump());
      if (option["usd_per_month"].is_null()) {
        CHECK_FALSE(text_at(option, "trouble").empty());
        continue;
      }
      double sum = 0;
      for (const char* part : kCosts) sum += at(option, part);
      CHECK(at(option, "usd_per_month") == doctest::Approx(sum));
    }
  }

  TEST_CASE("a plan without machines has no nodes, and without an estimate there is nothing to say") {
    Sample& s = sample();
    Plan& chosen = s.estimate->plans[s.estimate->chosen];
    const auto kept = std::exchange(chosen.option.nodes, std::nullopt);
    const Json without = s.document(PlanPart::size);
    chosen.option.nodes = kept;
    CHECK(without["nodes"].is_null());
    CHECK(test::violations(without, plan_schema()) == std::vector<std::string>{});
    CHECK_FALSE(render_plan(without, Format::table).empty());

    s.context.estimate = nullptr;
    s.context.workload.reset();
    s.context.workload_path.clear();
    const Json nothing = s.document(PlanPart::estimate);
    s.context.estimate = &*s.estimate;
    s.context.workload = summarize(s.workload);
    s.context.workload_path = "chats.jsonl";
    CHECK(test::violations(nothing, plan_schema()) == std::vector<std::string>{});
    for (const char* section : {"size", "nodes", "latency", "cost", "roi", "uncertainty", "decision"}) {
      CAPTURE(section);
      CHECK((nothing[section].is_null() || nothing[section].is_object()));
    }
    CHECK(nothing["workload"]["requests"].is_null());
    CHECK_FALSE(render_plan(nothing, Format::table).empty());
  }

  TEST_CASE("machines are counted, with a replica and without") {
    Sample& s = sample();
    Estimate& e = *s.estimate;
    const auto counted = std::find_if(e.plans.begin(), e.plans.end(), [](const Plan& plan) {
      return plan.option.nodes && plan.option.nodes->machines && plan.option.row->kind == CacheKind::redis_cluster;
    });
    REQUIRE(counted != e.plans.end());
    const std::size_t chosen = std::exchange(e.chosen, static_cast<std::size_t>(counted - e.plans.begin()));
    ReplicaChoice replicas;
    replicas.none = replicas.one = *counted;
    replicas.rewarm = Rewarm{50, 3};
    std::swap(e.replicas, replicas);
    const Json d = s.document(PlanPart::size);
    const std::string page = render_plan(d, Format::table);
    std::swap(e.replicas, replicas);
    e.chosen = chosen;
    CHECK(d["nodes"]["machines"] == *counted->option.nodes->machines);
    CHECK(d["nodes"]["needs"].size() == counted->option.nodes->needs.size());
    CHECK(d["nodes"]["with_replica"]["machines"] == *counted->option.nodes->machines);
    CHECK(d["nodes"]["without_replica"]["rewarm_gpu_s_per_loss"] == 50);
    CHECK(d["nodes"]["without_replica"]["rewarm_gpu_s_per_month"] == 3);
    CHECK(has(page, "binds"));
  }

  TEST_CASE("the verdict stands first, in words; each kind and place has a line; some 80 lines are enough") {
    const Json d = sample().document(PlanPart::estimate);
    const std::string page = render_plan(d, Format::table, {false, 100});
    CAPTURE(page);
    CHECK(page.find(text_at(d, "roi.in_words").substr(0, 30)) == 0);
    for (const Json& row : d["cost"]["options"]) CHECK(has(page, text_at(row, "kind")));
    CHECK(has(page, "warning: a test made it"));
    CHECK(has(page, "chats are alike"));
    CHECK(std::count(page.begin(), page.end(), '\n') <= 85);
    for (const PlanPart part : kParts) {
      for (const Format format : {Format::table, Format::json, Format::csv, Format::markdown}) {
        CHECK_FALSE(render_plan(sample().document(part), format, {true, 80}).empty());
      }
    }
  }

  TEST_CASE("what a routing finds stands under its place, also where a place was not looked at with every routing") {
    Json d = sample().document(PlanPart::size);
    d["where"] = {{{"routing", "prefix"}, {"kept", "engines alone"}, {"hit_rate", 0.111}},
                  {{"routing", "random"}, {"kept", "host memory"}, {"hit_rate", 0.222}},
                  {{"routing", "prefix"}, {"kept", "host memory"}, {"hit_rate", 0.333}}};
    const std::string page = render_plan(d, Format::table, {false, 100});
    CAPTURE(page);
    CHECK(has(page, "prefix                     11.1%        33.3%"));
    CHECK(has(page, "random                         -        22.2%"));
  }

  TEST_CASE("CSV is the options, or the rows at scale") {
    const Json d = sample().document(PlanPart::estimate);
    const std::string options = render_plan(d, Format::csv);
    CHECK(options.find("kind,chosen,on,") == 0);
    CHECK(static_cast<std::size_t>(std::count(options.begin(), options.end(), '\n')) ==
          d["cost"]["options"].size() + 1);
    const std::string scale = render_plan(sample().document(PlanPart::scale), Format::csv);
    CHECK(scale.find("gpus,traffic,") == 0);
    CHECK(std::count(scale.begin(), scale.end(), '\n') == 5);
  }

  TEST_CASE("schema, sample and page are what the field tables say") {
    test::check_kept("reports/kvkit.plan-1.schema.json", plan_schema().dump(2) + "\n");
    const Json kept = test::check_sample("reports/samples/kvkit.plan-1.json", plan_schema());
    for (const Format format : {Format::table, Format::csv, Format::markdown}) {
      CHECK_FALSE(render_plan(kept, format).empty());
    }
    test::check_kept_part("docs/planning.md", "fields", plan_fields_markdown());
  }
}
