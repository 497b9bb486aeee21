#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>
#include <map>

#include "workload/read.hpp"

using namespace kv;

namespace {

using Ids = std::vector<BlockId>;

Workload workload(const std::vector<Ids>& requests) {
  WorkloadBuilder builder;
  std::uint64_t at = 0;
  for (const auto& ids : requests) {
    REQUIRE(builder.add(std::chrono::milliseconds(++at), Tokens(ids.size() * 16), Tokens(1), ids));
  }
  return std::move(builder).build(Tokens(16));
}

/// `trees` conversations behind one shared block 0; turn t of a conversation has t + 2 blocks, turns interleaved.
Workload conversations(std::uint64_t trees, std::uint64_t turns) {
  std::vector<Ids> requests;
  for (std::uint64_t turn = 0; turn < turns; ++turn) {
    for (std::uint64_t tree = 0; tree < trees; ++tree) {
      Ids ids{0};
      for (std::uint64_t b = 0; b <= turn; ++b) ids.push_back(1 + tree * turns + b);
      requests.push_back(ids);
    }
  }
  return workload(requests);
}

Ids ids_of(const Workload& w, std::size_t index) {
  Ids ids;
  for (const DenseId dense : w[index].blocks) ids.push_back(w.id(dense));
  return ids;
}

}  // namespace

TEST_SUITE("workload selection") {
  TEST_CASE("nothing asked, nothing changed") {
    const auto s = select(conversations(3, 2), {});
    REQUIRE(s);
    CHECK(s->workload.size() == 6);
    CHECK_FALSE(s->sample_error.has_value());
  }

  TEST_CASE("skip comes before requests; arrivals stay, ids are renumbered") {
    Selection selection;
    selection.skip = 1;
    selection.requests = 2;
    const auto s = select(workload({{1}, {2, 3}, {2, 4}, {5}}), selection);
    REQUIRE(s);
    CHECK(s->workload.size() == 2);
    CHECK(s->workload.unique_blocks() == 3);
    CHECK(s->workload[0].at == std::chrono::milliseconds(2));
    CHECK(ids_of(s->workload, 0) == Ids{2, 3});
    CHECK(ids_of(s->workload, 1) == Ids{2, 4});
    CHECK(s->workload.block_size() == Tokens(16));
    selection.requests = 99;
    CHECK(select(workload({{1}, {2, 3}}), selection)->workload.size() == 1);
  }

  TEST_CASE("sampling comes first, and keeps whole trees or nothing of them") {
    const std::uint64_t turns = 4;
    Selection selection;
    selection.sample = 0.25;
    const auto s = select(conversations(400, turns), selection);
    REQUIRE(s);
    std::map<BlockId, std::uint64_t> requests_of_tree;
    for (std::size_t i = 0; i < s->workload.size(); ++i) ++requests_of_tree[ids_of(s->workload, i)[1]];
    CHECK(requests_of_tree.size() > 70);  // 100 expected, standard deviation 8.7
    CHECK(requests_of_tree.size() < 130);
    for (const auto& tree : requests_of_tree) CHECK(tree.second == turns);

    selection.skip = s->workload.size() - 1;
    CHECK(select(conversations(400, turns), selection)->workload.size() == 1);
  }

  TEST_CASE("hits inside the trees that are kept are those of the whole workload") {
    rc::check([] {
      const auto trees = *rc::gen::inRange<std::uint64_t>(2, 60);
      const auto turns = *rc::gen::inRange<std::uint64_t>(1, 6);
      Selection selection;
      selection.sample = *rc::gen::inRange(1, 100) / 100.0;
      selection.seed = *rc::gen::arbitrary<std::uint64_t>();
      const auto s = select(conversations(trees, turns), selection);
      if (!s) return;
      const std::uint64_t kept = s->workload.size() / turns;
      // Turn t hits its own t blocks, and everyone the shared one except the very first request.
      RC_ASSERT(ideal_hits(s->workload).block_hits == kept * turns * (turns - 1) / 2 + kept * turns - 1);
    });
  }

  TEST_CASE("a larger sample contains the smaller one, and a seed decides which") {
    Selection small, large, other;
    small.sample = other.sample = 0.2;
    large.sample = 0.6;
    other.seed = 2;
    const auto a = select(conversations(200, 1), small), b = select(conversations(200, 1), large),
               c = select(conversations(200, 1), other), again = select(conversations(200, 1), small);
    std::map<BlockId, bool> in_b, in_c;
    for (std::size_t i = 0; i < b->workload.size(); ++i) in_b[ids_of(b->workload, i).back()] = true;
    for (std::size_t i = 0; i < c->workload.size(); ++i) in_c[ids_of(c->workload, i).back()] = true;
    std::size_t also_in_c = 0;
    REQUIRE(again->workload.size() == a->workload.size());
    for (std::size_t i = 0; i < a->workload.size(); ++i) {
      CHECK(in_b.count(ids_of(a->workload, i).back()) == 1);
      CHECK(ids_of(a->workload, i) == ids_of(again->workload, i));
      also_in_c += in_c.count(ids_of(a->workload, i).back());
    }
    CHECK(also_in_c < a->workload.size());
  }

  TEST_CASE("a request that is only the shared run is a tree of its own") {
    std::vector<Ids> requests{{1, 2}};
    for (BlockId id = 10; id < 60; ++id) requests.push_back({1, 2, id});
    bool kept = false, dropped = false;
    for (std::uint64_t seed = 1; seed < 20; ++seed) {
      const auto s = select(workload(requests), {0.5, seed, 0, std::nullopt});
      REQUIRE(s);
      (ids_of(s->workload, 0).size() == 2 ? kept : dropped) = true;
    }
    CHECK(kept);
    CHECK(dropped);
  }

  TEST_CASE("the sampling error compares the sample with the whole") {
    const auto sampled = [](std::uint64_t seed) {
      return select(workload({{1, 2}, {1, 2}, {3}, {1, 2, 4}}), {0.5, seed, 0, std::nullopt});
    };
    std::uint64_t seed = 1;
    while (!sampled(seed) || sampled(seed)->workload.size() == 4) ++seed;  // until just one of the two trees is kept
    const auto s = sampled(seed);
    REQUIRE(s->sample_error.has_value());
    const bool first_tree = s->workload.size() == 3;  // else the tree of 3
    CHECK(s->sample_error->requests_share == (first_tree ? 0.75 : 0.25));
    CHECK(s->sample_error->block_refs_share == (first_tree ? 7.0 / 8 : 1.0 / 8));
    CHECK(s->sample_error->input_tokens_share == (first_tree ? 7.0 / 8 : 1.0 / 8));
    CHECK(s->sample_error->full_ideal_block_hit_rate == 0.5);
    CHECK(s->sample_error->sample_ideal_block_hit_rate == (first_tree ? 4.0 / 7 : 0));
  }

  TEST_CASE("values out of range, and selections of nothing, are refused") {
    const auto refused = [](const Selection& selection) {
      const auto s = select(conversations(3, 2), selection);
      return !s && s.error().code == Code::bad_input && !s.error().hint.empty();
    };
    for (const double share : {0.0, -0.1, 1.1, std::nan(""), std::numeric_limits<double>::infinity(), 1e-18}) {
      CHECK(refused({share, 1, 0, std::nullopt}));
    }
    CHECK(refused({1.0, 1, 6, std::nullopt}));
    CHECK(refused({1.0, 1, 0, 0}));
    CHECK_FALSE(refused({1.0, 1, 5, 1}));
  }
}
