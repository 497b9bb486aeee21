#include <doctest/doctest.h>

#include <map>

#include "engine/calibrate.hpp"
#include "engine/engine_prefill.hpp"
#include "support/small_engine.hpp"

using namespace kv;

namespace {

std::unique_ptr<Engine> small_engine() { return test::engine_or_say(test::small_engine_config(300, Tokens(256))); }

}  // namespace

TEST_SUITE("calibrate") {
  TEST_CASE("plans cover lengths and cached shares") {
    const CalibrationPlan usual = usual_calibration(Tokens(1000));
    CHECK(usual.lengths == std::vector<Tokens>{Tokens(64), Tokens(128), Tokens(256), Tokens(512), Tokens(1000)});
    CHECK(usual.cached_shares.back() == 0.95);
    const CalibrationPlan quick = quick_calibration(Tokens(160));
    CHECK(quick.lengths == std::vector<Tokens>{Tokens(10), Tokens(20), Tokens(40), Tokens(80), Tokens(160)});
    CHECK(quick_calibration(Tokens(3)).lengths == std::vector<Tokens>{Tokens(2), Tokens(3)});
  }

  TEST_CASE("every point is measured once a round") {
    const auto engine = small_engine();
    if (!engine) return;
    CalibrationPlan plan = usual_calibration(Tokens(256));
    std::size_t heard = 0;
    const std::atomic<bool> stop = false;
    const auto profile = calibrate(*engine, "case", plan, stop, [&heard](std::size_t done, std::size_t all) {
      CHECK(done <= all);
      heard = done;
    });
    REQUIRE(profile);
    CHECK(profile->points.size() == 3 * 6 * 3);
    CHECK(heard == profile->points.size());
    CHECK(profile->model == "case");
    CHECK(profile->engine.find("cpu, 1 thread, fp32") == 0);
    std::map<std::pair<std::uint64_t, std::uint64_t>, int> times;
    for (const PrefillPoint& point : profile->points) {
      CHECK(point.cached < point.prompt);
      CHECK(point.ttft > Duration(0));
      ++times[{point.prompt.count(), point.cached.count()}];
    }
    CHECK(times.size() == 18);
    for (const auto& [point, count] : times) CHECK(count == 3);
    CHECK(times.count({128, 121}) == 1);  // 95 %
  }

  TEST_CASE("a stopped calibration keeps what it has") {
    const auto engine = small_engine();
    if (!engine) return;
    std::atomic<bool> stop = false;
    const auto profile = calibrate(*engine, "case", usual_calibration(Tokens(256)), stop,
                                   [&stop](std::size_t done, std::size_t) { stop = done == 7; });
    REQUIRE(profile);
    CHECK(profile->points.size() == 7);
  }

  TEST_CASE("lengths that the engine was not made for are refused") {
    const auto engine = small_engine();
    if (!engine) return;
    const std::atomic<bool> stop = false;
    const auto longer = calibrate(*engine, "case", usual_calibration(Tokens(257)), stop);
    REQUIRE_FALSE(longer);
    CHECK(longer.error().message.find("257 tokens") != std::string::npos);
    CHECK_FALSE(calibrate(*engine, "case", CalibrationPlan{}, stop));
  }

  TEST_CASE("a prediction rests on the engine's own times") {
    const auto engine = small_engine();
    if (!engine) return;
    std::atomic<bool> stop = false;
    std::size_t heard = 0, planned = 0;
    const auto prefill =
        predict_prefill(*engine, engine->model(), Tokens(256), stop, [&](std::size_t done, std::size_t all) {
          heard = done;
          planned = all;
        });
    REQUIRE(prefill);
    CHECK(heard == 10);
    CHECK(planned == 10);
    CHECK((*prefill)->provenance() == Provenance::measured);
    CHECK((*prefill)->device() == engine->info().device);
    CHECK((*prefill)->cost(Tokens(0), Tokens(200)) > Duration(0));
    CHECK((*prefill)->cost(Tokens(0), Tokens(200)) >= (*prefill)->cost(Tokens(0), Tokens(10)));
    stop = true;
    CHECK(predict_prefill(*engine, engine->model(), Tokens(256), stop).error().code == Code::interrupted);
  }
}
