#include "plan/roi.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>

#include "support/near.hpp"

using namespace kv;
using test::same;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

/// 2 GPUs an instance at half their time: one GPU's worth of work. 20 busy GPUs: 20 instances; 15 with the cache.
/// An instance is 2 x 10 x 730 = 14,600 dollars a month.
RoiQuestion question() {
  RoiQuestion q;
  q.fleet = {2, 0.5, 10, 0};
  q.baseline = {12, 8};
  q.cached = {7, 8};
  q.cache_usd_per_month = 3000;
  q.one_off_usd = 7000;
  q.tokens_per_month = 1e9;
  return q;
}

Roi of(const RoiQuestion& q) {
  const auto roi = return_on_investment(q);
  if (!roi) FAIL(roi.error().message);
  return *roi;
}

template <class Change>
Roi with(Change change) {
  RoiQuestion q = question();
  change(q);
  return of(q);
}

}  // namespace

TEST_SUITE("plan: return") {
  TEST_CASE("instances are whole, and one at least") {
    const GpuFleet fleet{2, 0.5, 1, 0};
    CHECK(*instances_needed({12, 8}, fleet) == 20);
    CHECK(*instances_needed({12, 8.01}, fleet) == 21);
    CHECK(*instances_needed({12.01, 8}, fleet) == 21);
    CHECK(*instances_needed({12, 8}, {4, 0.5, 1, 0}) == 10);
    CHECK(*instances_needed({12, 8}, {2, 1, 1, 0}) == 10);
    CHECK(*instances_needed({0, 0}, fleet) == 1);
    CHECK(*instances_needed({0.3, 0.3}, {1, 0.2, 1, 0}) == 3);  // 0.6 / 0.2 is a little above 3 in binary
  }

  TEST_CASE("what is saved, what it costs, when it is paid back") {
    const Roi roi = of(question());
    CHECK(roi.months[0].baseline_instances == 20);
    CHECK(roi.months[0].cached_instances == 15);
    CHECK(roi.saved_instances() == 5);
    CHECK(same(roi.months[0].baseline_usd, 20 * 14'600.0));
    CHECK(same(roi.months[0].cached_gpu_usd, 15 * 14'600.0));
    CHECK(same(roi.monthly_saving_usd(), 5 * 14'600.0 - 3000));
    CHECK(same(*roi.payback_days, 7000.0 / 70'000 * 365 / 12));
    CHECK(same(roi.net_12_months_usd, 12 * 70'000.0 - 7000));
    CHECK(same(*roi.baseline_usd_per_million_tokens, 292.0));
    CHECK(same(*roi.cached_usd_per_million_tokens, 219 + 3.0));
    CHECK(roi.pays());
  }

  TEST_CASE("each input moves it") {
    CHECK(same(with([](RoiQuestion& q) { q.fleet.usd_per_gpu_hour = 20; }).monthly_saving_usd(), 2 * 73'000 - 3000));
    CHECK(same(with([](RoiQuestion& q) { q.fleet.gpus_per_instance = 4; }).monthly_saving_usd(),
               (10 - 8) * 29'200.0 - 3000));  // 15 / 2 = 7.5: a half-empty instance is paid whole
    CHECK(same(with([](RoiQuestion& q) { q.fleet.utilisation = 1; }).monthly_saving_usd(), (10 - 8) * 14'600.0 - 3000));
    CHECK(same(with([](RoiQuestion& q) { q.baseline.prefill_gpus = 13; }).monthly_saving_usd(), 84'600));
    CHECK(same(with([](RoiQuestion& q) { q.cached.prefill_gpus = 8; }).monthly_saving_usd(), 55'400));
    CHECK(same(with([](RoiQuestion& q) { q.cached.decode_gpus = 9; }).monthly_saving_usd(), 55'400));
    CHECK(same(with([](RoiQuestion& q) { q.baseline.decode_gpus = 9; }).monthly_saving_usd(), 84'600));
    CHECK(same(with([](RoiQuestion& q) { q.cache_usd_per_month = 43'000; }).monthly_saving_usd(), 30'000));
    CHECK(same(*with([](RoiQuestion& q) { q.one_off_usd = 70'000; }).payback_days, 365.0 / 12));
    CHECK(same(with([](RoiQuestion& q) { q.one_off_usd = 70'000; }).net_12_months_usd, 770'000));
    CHECK(same(*with([](RoiQuestion& q) { q.tokens_per_month = 2e9; }).baseline_usd_per_million_tokens, 146));
    CHECK_FALSE(with([](RoiQuestion& q) { q.tokens_per_month = 0; }).cached_usd_per_million_tokens.has_value());
  }

  TEST_CASE("savings of less than an instance save nothing") {
    const Roi roi = with([](RoiQuestion& q) { q.cached.prefill_gpus = 11.5; });
    CHECK(roi.saved_instances() == 0);
    CHECK(same(roi.monthly_saving_usd(), -3000));
    CHECK_FALSE(roi.payback_days.has_value());
    CHECK(same(roi.net_12_months_usd, -36'000 - 7000.0));
    CHECK_FALSE(roi.pays());
  }

  TEST_CASE("no effort is paid back at once, if there is a saving, and never if there is none") {
    CHECK(with([](RoiQuestion& q) { q.one_off_usd = 0; }).payback_days == 0.0);
    CHECK_FALSE(
        with([](RoiQuestion& q) { q.one_off_usd = 0, q.cache_usd_per_month = 73'000; }).payback_days.has_value());
    CHECK_FALSE(
        with([](RoiQuestion& q) { q.one_off_usd = 0, q.cache_usd_per_month = 80'000; }).payback_days.has_value());
    // 70,000 a month reach 8.4 million after ten years exactly, and not a dollar more.
    CHECK(same(*with([](RoiQuestion& q) { q.one_off_usd = 8.4e6; }).payback_days, 3650));
    CHECK_FALSE(with([](RoiQuestion& q) { q.one_off_usd = 8.5e6; }).payback_days.has_value());
  }

  TEST_CASE("committed GPUs save nothing until growth would have asked for more") {
    Roi roi = with([](RoiQuestion& q) { q.fleet.committed_instances = 20; });
    CHECK(same(roi.months[0].baseline_usd, 292'000));
    CHECK(same(roi.months[0].cached_gpu_usd, 292'000));
    CHECK(same(roi.monthly_saving_usd(), -3000));
    roi = with([](RoiQuestion& q) { q.fleet.committed_instances = 18; });
    CHECK(same(roi.monthly_saving_usd(), 2 * 14'600.0 - 3000));
    roi = with([](RoiQuestion& q) { q.fleet.committed_instances = 10; });
    CHECK(same(roi.monthly_saving_usd(), 70'000));
    // 10 % more each month: 20, 22, 24.2 ... against 15, 16.5, 18.15 ...
    roi = with([](RoiQuestion& q) { q.fleet.committed_instances = 20, q.growth_per_month = 0.1; });
    CHECK(roi.months[1].baseline_instances == 22);
    CHECK(roi.months[1].cached_instances == 17);
    CHECK(same(roi.months[1].saving_usd(), 2 * 14'600.0 - 3300));
    CHECK(roi.months[2].baseline_instances == 25);
    CHECK(roi.months[2].cached_instances == 19);
    CHECK(same(roi.months[2].saving_usd(), 5 * 14'600.0 - 3630));
    // -3000, 25,900: 7000 + 3000 of the second month's.
    CHECK(same(*roi.payback_days, (1 + 10'000.0 / 25'900) * 365 / 12));
  }

  TEST_CASE("growth: twelve months, each with its own bill") {
    const Roi roi = with([](RoiQuestion& q) { q.growth_per_month = 0.05; });
    double net = -7000, grown = 1;
    for (int month = 0; month < 12; ++month, grown *= 1.05) {
      net += (std::ceil(20 * grown - 1e-6) - std::ceil(15 * grown - 1e-6)) * 14'600 - 3000 * grown;
    }
    CHECK(same(roi.net_12_months_usd, net));
    const Roi shrinking = with([](RoiQuestion& q) { q.growth_per_month = -0.5, q.one_off_usd = 1e6; });
    CHECK_FALSE(shrinking.payback_days.has_value());
    CHECK(shrinking.months[11].baseline_instances == 1);
    const Roi bursting = with([](RoiQuestion& q) { q.growth_per_month = 0.5, q.one_off_usd = 1e12; });
    CHECK(std::isfinite(*bursting.payback_days));
  }

  TEST_CASE("figures that are no figures are refused by name") {
    const auto refused = [](auto change, const std::string& name) {
      RoiQuestion q = question();
      change(q);
      const auto roi = return_on_investment(q);
      REQUIRE_FALSE(roi.has_value());
      CHECK_MESSAGE(roi.error().message.find(name) != std::string::npos, roi.error().message);
    };
    refused([](RoiQuestion& q) { q.fleet.utilisation = 0; },
            "GPUs: the utilisation of instances must be from 0.001 to 1");
    refused([](RoiQuestion& q) { q.fleet.gpus_per_instance = 0; }, "GPUs of an instance");
    refused([](RoiQuestion& q) { q.fleet.usd_per_gpu_hour = -1; }, "dollars per GPU-hour");
    refused([](RoiQuestion& q) { q.baseline.prefill_gpus = kNaN; }, "busy with prefill");
    refused([](RoiQuestion& q) { q.cached.decode_gpus = kInf; }, "busy with decode");
    refused([](RoiQuestion& q) { q.cache_usd_per_month = -1; }, "dollars of the cache a month");
    refused([](RoiQuestion& q) { q.one_off_usd = -1; }, "dollars of integration");
    refused([](RoiQuestion& q) { q.growth_per_month = 0.6; }, "growth a month must be from -0.5 to 0.5");
    refused([](RoiQuestion& q) { q.tokens_per_month = -1; }, "tokens a month");
    CHECK_FALSE(instances_needed({1, 1}, {1, kNaN, 1, 0}).has_value());
  }

  TEST_CASE("laws: a dearer cache never pays back sooner, dearer GPUs never save less") {
    CHECK(rc::check([] {
      const auto some = [](int most) { return static_cast<double>(*rc::gen::inRange(0, most)); };
      RoiQuestion q;
      q.fleet.gpus_per_instance = 1U << *rc::gen::inRange(0, 4);
      q.fleet.utilisation = 0.1 + some(90) / 100;
      q.fleet.usd_per_gpu_hour = some(1000) / 100;
      q.fleet.committed_instances = static_cast<std::uint64_t>(some(30));
      q.cached = {some(500) / 10, some(500) / 10};
      q.baseline = {q.cached.prefill_gpus + some(500) / 10, q.cached.decode_gpus};
      q.cache_usd_per_month = some(100'000);
      q.one_off_usd = some(100'000);
      q.growth_per_month = some(20) / 100 - 0.05;
      const Roi base = of(q);
      const auto days = [](const Roi& roi) { return roi.payback_days.value_or(1e9); };
      RC_ASSERT(std::isfinite(base.net_12_months_usd) && days(base) >= 0);
      RC_ASSERT(base.saved_instances() >= 0);
      RoiQuestion changed = q;
      changed.cache_usd_per_month += some(100'000);
      RC_ASSERT(days(of(changed)) >= days(base) * (1 - 1e-12));
      RC_ASSERT(of(changed).net_12_months_usd <= base.net_12_months_usd + 1e-6);
      changed = q;
      changed.fleet.usd_per_gpu_hour += some(1000) / 100;
      RC_ASSERT(of(changed).monthly_saving_usd() >= base.monthly_saving_usd() - 1e-6);
      RC_ASSERT(days(of(changed)) <= days(base) * (1 + 1e-12));
      changed = q;
      changed.one_off_usd += some(100'000);
      RC_ASSERT(days(of(changed)) >= days(base) * (1 - 1e-12));
      changed = q;
      changed.baseline.prefill_gpus += some(100) / 10;  // a hit rate that spares more
      RC_ASSERT(of(changed).monthly_saving_usd() >= base.monthly_saving_usd() - 1e-6);
      changed = q;
      changed.fleet.committed_instances += static_cast<std::uint64_t>(some(30));
      RC_ASSERT(of(changed).monthly_saving_usd() <= base.monthly_saving_usd() + 1e-6);
    }));
  }
}
