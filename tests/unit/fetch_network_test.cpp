#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "base/random.hpp"
#include "sim/fetch_network.hpp"

using namespace kv;

namespace {

struct Fetch {
  double at;
  std::uint32_t instance;
  double bytes;
};

/// When each ends.
std::vector<double> ends(const FetchLinks& links, const std::vector<Fetch>& fetches, double* busy_s = nullptr) {
  FetchNetwork network(8, links);
  std::vector<double> out(fetches.size(), -1);
  std::vector<FetchNetwork::Ended> ended;
  const auto run_until = [&](double until) {
    while (network.next_s() < until) {
      const double now = network.next_s();
      ended.clear();
      network.step(ended);
      for (const FetchNetwork::Ended& e : ended) {
        CHECK(e.instance == fetches[e.id].instance);
        out[e.id] = now;
      }
    }
  };
  for (std::uint32_t i = 0; i < fetches.size(); ++i) {
    run_until(fetches[i].at);
    network.start(fetches[i].at, fetches[i].instance, i, fetches[i].bytes);
  }
  run_until(FetchLinks::kNoLimit);
  if (busy_s != nullptr) *busy_s = network.busy_s();
  return out;
}

}  // namespace

TEST_SUITE("fetch network") {
  TEST_CASE("shares that tie but for rounding still end every fetch") {
    const FetchLinks links{std::chrono::milliseconds(5), 1e8, 2e8};
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
      Random random(seed);
      std::vector<Fetch> fetches;
      double at = 0;
      for (int i = 0; i < 200; ++i) {
        fetches.push_back({at, static_cast<std::uint32_t>(random.below(4)), 1e5 * random.uniform() * 2000});
        at += random.uniform() / 10;
      }
      for (const double end : ends(links, fetches)) CHECK(end > 0);
    }
  }

  TEST_CASE("a fetch alone takes its latency and its bytes at the narrowest rate") {
    FetchLinks links{std::chrono::milliseconds(500), 100, 1000, 1e9};
    CHECK(ends(links, {{2, 0, 300}})[0] == doctest::Approx(2 + 0.5 + 3));
    links.server_bytes_per_s = 50;
    CHECK(ends(links, {{2, 0, 300}})[0] == doctest::Approx(2 + 0.5 + 6));
    links.flow_bytes_per_s = 10;
    CHECK(ends(links, {{2, 0, 300}})[0] == doctest::Approx(2 + 0.5 + 30));
    CHECK(ends(links, {{2, 0, 600}})[0] == doctest::Approx(2 + 0.5 + 60));
    CHECK(ends({std::chrono::seconds(1)}, {{2, 0, 1e15}})[0] == doctest::Approx(3));  // no limit: latency alone
    CHECK(ends(links, {{2, 0, 0}})[0] == doctest::Approx(2.5));
  }

  TEST_CASE("two at one instance share its rate, and whoever stays has it alone") {
    // 100 bytes/s: 50 each from t = 1; the first has 100 of its 200 by then and ends at 1 + 2; the other then has 100
    // of 300 and takes 2 s more.
    const auto t = ends({Duration(0), 100}, {{0, 3, 200}, {1, 3, 300}});
    CHECK(t[0] == doctest::Approx(3));
    CHECK(t[1] == doctest::Approx(5));
  }

  TEST_CASE("instances do not disturb each other before the store is full") {
    double busy_s = 0;
    const auto t = ends({Duration(0), 100, 200}, {{0, 0, 200}, {0, 1, 100}, {10, 1, 100}}, &busy_s);
    CHECK(t[0] == doctest::Approx(2));
    CHECK(t[1] == doctest::Approx(1));
    CHECK(busy_s == doctest::Approx(3));
  }

  TEST_CASE("a full store is shared max-min: what one cannot take goes to the others") {
    const FetchLinks links{Duration(0), 60, 100};
    // 60 an instance, 100 in all, three fetches here and one there: a quarter of 100 is 25 each, but three can have 20
    // each, so that the other gets 40.
    auto t = ends(links, {{0, 0, 20}, {0, 0, 20}, {0, 0, 20}, {0, 1, 40}});
    CHECK(t[0] == doctest::Approx(1));
    CHECK(t[3] == doctest::Approx(1));
    // One each at three instances: a third of 100 each.
    t = ends(links, {{0, 0, 100}, {0, 1, 100}, {0, 2, 100}});
    for (const double end : t) CHECK(end == doctest::Approx(3));
  }

  TEST_CASE("those that end together all end, whatever rounding says") {
    std::vector<Fetch> fetches;
    for (std::uint32_t i = 0; i < 200; ++i) fetches.push_back({0.1 * i, i % 8, 1e9 / 3});
    const auto t = ends({std::chrono::seconds(7), 1e9 / 7, 1e9 / 3, 1e8}, fetches);
    double last = 0;
    for (const double end : t) {
      CHECK(std::isfinite(end));
      last = std::max(last, end);
    }
    // 200 x a third of 1e9 bytes at a third of 1e9 bytes/s, behind the latency.
    CHECK(last == doctest::Approx(207).epsilon(0.01));
  }
}
