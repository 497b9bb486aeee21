#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/random.hpp"
#include "sim/min_tree.hpp"
#include "sim/routing.hpp"

using namespace kv;
using namespace std::chrono_literals;

namespace {

using Ids = std::vector<BlockId>;

RouterOptions options(Routing routing, std::uint32_t instances) {
  RouterOptions out;
  out.routing = routing;
  out.instances = instances;
  out.load_slack = Tokens(0);
  return out;
}
std::vector<std::uint32_t> holders(const InstanceDirectory& directory, std::size_t count) {
  std::vector<std::uint32_t> out;
  const auto words = directory.holders(count);
  for (std::uint32_t i = 0; i < words.size() * 64; ++i) {
    if ((words[i / 64] >> (i % 64) & 1) != 0) out.push_back(i);
  }
  return out;
}

}  // namespace

TEST_SUITE("routing") {
  TEST_CASE("a tree of minima finds the first of the smallest, whatever changes") {
    Random random(1);
    for (const std::size_t size : {1U, 2U, 5U, 64U, 100U}) {
      std::vector<int> values(size, 1000);
      MinTree<int> tree(size, 1000);
      for (int change = 0; change < 500; ++change) {
        const std::size_t i = random.below(size);
        values[i] = static_cast<int>(random.below(20));
        tree.set(i, values[i]);
        const auto least = std::min_element(values.begin(), values.end());
        CHECK(tree.min() == *least);
        CHECK(tree.first() == static_cast<std::size_t>(least - values.begin()));
        CHECK(tree.value(i) == values[i]);
      }
    }
  }

  TEST_CASE("names are found again") {
    for (const RoutingRow& row : routings()) {
      CHECK(routing_from_name(row.name) == row.routing);
      CHECK(routing_name(row.routing) == row.name);
    }
    CHECK_FALSE(routing_from_name("nearest").has_value());
  }

  TEST_CASE("the directory knows who holds how much of a prompt") {
    InstanceDirectory directory(130);
    directory.add(3, Ids{1, 2, 3});
    directory.add(129, Ids{1, 2});
    directory.add(64, Ids{1, 3});  // not 2: its run ends behind 1
    directory.look_up(Ids{1, 2, 3, 4});
    REQUIRE(directory.longest() == 3);
    CHECK(holders(directory, 1) == std::vector<std::uint32_t>{3, 64, 129});
    CHECK(holders(directory, 2) == std::vector<std::uint32_t>{3, 129});
    CHECK(holders(directory, 3) == std::vector<std::uint32_t>{3});
    directory.remove(3, Ids{3, 2});
    directory.look_up(Ids{1, 2, 3, 4});
    CHECK(directory.longest() == 2);
    CHECK(holders(directory, 2) == std::vector<std::uint32_t>{129});
    directory.remove(129, Ids{1, 2, 9});
    directory.add(0, Ids{7});  // in the row that 2 had
    directory.look_up(Ids{7});
    CHECK(holders(directory, 1) == std::vector<std::uint32_t>{0});
    directory.look_up(Ids{2});
    CHECK(directory.longest() == 0);
    directory.look_up(Ids{});
    CHECK(directory.longest() == 0);
  }

  TEST_CASE("round-robin takes turns, random reaches all, sticky keeps a session together") {
    Router turns(options(Routing::round_robin, 3));
    for (const std::uint32_t expected : {0U, 1U, 2U, 0U}) CHECK(turns.route(0s, {}, {}) == expected);
    Router random(options(Routing::random, 4));
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 100; ++i) seen.insert(random.route(0s, {}, {}));
    CHECK(seen.size() == 4);
    Router sticky(options(Routing::sticky_session, 16));
    seen.clear();
    for (std::uint32_t session = 0; session < 500; ++session) {
      const std::uint32_t instance = sticky.route(0s, session, {});
      CHECK(sticky.route(1s, session, {}) == instance);
      seen.insert(instance);
    }
    CHECK(seen.size() == 16);
    CHECK(sticky.without_session() == 0);
    (void)sticky.route(1s, {}, {});
    CHECK(sticky.without_session() == 1);
    RouterOptions other = options(Routing::sticky_session, 16);
    other.seed = 2;
    Router elsewhere(other);
    int moved = 0;
    for (std::uint32_t s = 0; s < 100; ++s) moved += elsewhere.route(2s, s, {}) != sticky.route(2s, s, {});
    CHECK(moved > 50);
  }

  TEST_CASE("least-loaded forgets half in every window") {
    Router router(options(Routing::least_loaded, 2));
    CHECK(router.route(0s, {}, {}) == 0);
    router.add_load(0, Tokens(1000));
    router.add_load(1, Tokens(300));
    CHECK(router.route(10s, {}, {}) == 1);
    router.add_load(1, Tokens(300));  // 500 against 150 + 300
    CHECK(router.route(10s, {}, {}) == 1);
    router.add_load(1, Tokens(100));  // against 550
    CHECK(router.route(10s, {}, {}) == 0);
    CHECK(router.route(std::chrono::hours(24 * 365), {}, {}) == 0);  // long forgotten: the first
    router.add_load(0, Tokens(1));
    CHECK(router.route(std::chrono::hours(24 * 365), {}, {}) == 1);
  }

  TEST_CASE("prefix-aware: the longest prefix, then the least load, but nobody far above the mean") {
    RouterOptions o = options(Routing::prefix_aware, 4);
    o.load_limit = 1.5;
    Router router(o);
    router.directory().add(1, Ids{1, 2, 3});
    router.directory().add(2, Ids{1, 2, 3});
    router.directory().add(3, Ids{1});
    CHECK(router.route(0s, {}, Ids{1, 2, 3, 4}) == 1);
    router.add_load(1, Tokens(100));
    CHECK(router.route(0s, {}, Ids{1, 2, 3, 4}) == 2);  // as long, less loaded
    router.add_load(2, Tokens(100));
    router.add_load(0, Tokens(20));
    CHECK(router.route(0s, {}, Ids{1, 2, 3, 4}) == 3);  // both at 100, above 1.5 x 55: whoever has some
    CHECK(router.route(0s, {}, Ids{9}) == 3);           // nobody: the least loaded
    router.add_load(3, Tokens(300));
    router.add_load(0, Tokens(80));
    CHECK(router.route(0s, {}, Ids{1, 2, 3, 4}) == 1);  // at 100 of a mean of 150
    o.load_slack = Tokens(1000);
    Router slack(o);
    slack.directory().add(1, Ids{1});
    slack.add_load(1, Tokens(1000));  // 1.5 x 250 + 1000
    CHECK(slack.route(0s, {}, Ids{1}) == 1);
    slack.add_load(1, Tokens(1000));  // 2000 > 1.5 x 500 + 1000
    CHECK(slack.route(0s, {}, Ids{1}) == 0);
  }
}
