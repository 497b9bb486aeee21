#include "workload/workload.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>
#include <set>

#include "base/random.hpp"
#include "workload/id_index.hpp"
#include "workload/parents.hpp"

using namespace kv;

namespace {

using Ids = std::vector<BlockId>;

Result<void> add(WorkloadBuilder& builder, const Ids& ids, std::uint64_t input, std::uint64_t at_ms = 0) {
  return builder.add(std::chrono::milliseconds(at_ms), Tokens(input), Tokens(7), ids);
}

}  // namespace

TEST_SUITE("workload") {
  TEST_CASE("ids become dense in order of first appearance") {
    WorkloadBuilder builder;
    REQUIRE(add(builder, {900, 5, UINT64_MAX}, 40, 10));
    REQUIRE(add(builder, {900, 5, 6}, 48, 20));
    const Workload w = std::move(builder).build(Tokens(16));
    CHECK(w.size() == 2);
    CHECK(w.unique_blocks() == 4);
    CHECK(w.id(2) == UINT64_MAX);
    CHECK(std::vector<DenseId>(w[1].blocks.begin(), w[1].blocks.end()) == std::vector<DenseId>{0, 1, 3});
    CHECK(w[1].at == std::chrono::milliseconds(20));
    CHECK(w.tokens_in_block(w[0], 1) == Tokens(16));
    CHECK(w.tokens_in_block(w[0], 2) == Tokens(8));
    CHECK(w.tokens_in_block(w[1], 2) == Tokens(16));
  }

  TEST_CASE("an id has one parent, and a refused request leaves no trace") {
    WorkloadBuilder builder;
    REQUIRE(add(builder, {1, 2, 3}, 3));
    const auto message = [&](const Ids& ids) { return add(builder, ids, ids.size()).error().message; };
    CHECK(message({1, 3}) == "id 3 follows 1 here, but followed 2 earlier");
    CHECK(message({2}) == "id 2 begins the prompt here, but followed 1 earlier");
    CHECK(message({9, 1}) == "id 1 follows 9 here, but began the prompt earlier");
    CHECK(message({1, 2, 8, 3}) == "id 3 follows 8 here, but followed 2 earlier");
    CHECK(message({1, 2, 8, 7, 8}) == "hash_ids holds id 8 twice");
    CHECK(message({1, 2, 1}) == "hash_ids holds id 1 twice");
    CHECK(message({5, 5}) == "hash_ids holds id 5 twice");
    REQUIRE(add(builder, {1, 2, 7}, 3));
    const Workload w = std::move(builder).build(Tokens(1));
    CHECK(w.unique_blocks() == 4);  // 8, 9 and 5 were in refused requests only
    CHECK(summarize(w).block_refs == 6);
  }

  TEST_CASE("a summary says what is there") {
    WorkloadBuilder builder;
    REQUIRE(add(builder, {1, 2}, 17, 250));
    REQUIRE(add(builder, {1, 3, 4}, 48, 300));
    REQUIRE(add(builder, {5}, 3, 1250));
    const WorkloadSummary sum = summarize(std::move(builder).build(Tokens(16)));
    CHECK(sum.requests == 3);
    CHECK(sum.span_ms == 1000);
    CHECK(sum.input_tokens == 68);
    CHECK(sum.output_tokens == 21);
    CHECK(sum.block_size == 16);
    CHECK(sum.block_refs == 6);
    CHECK(sum.unique_blocks == 5);
    CHECK(sum.max_blocks == 3);
    CHECK(sum.max_input_tokens == 48);
  }

  TEST_CASE("ideal hits are the leading blocks seen before, and never more tokens than the prompt has") {
    WorkloadBuilder builder;
    REQUIRE(add(builder, {1, 2, 3}, 40));
    REQUIRE(add(builder, {1, 2, 3}, 40));  // 3 blocks, but 40 tokens only
    REQUIRE(add(builder, {1, 2, 4}, 48));  // 2 blocks, 32 tokens
    REQUIRE(add(builder, {9}, 16));
    const IdealHits hits = ideal_hits(std::move(builder).build(Tokens(16)));
    CHECK(hits.block_hits == 5);
    CHECK(hits.token_hits == 72);
    CHECK(hits.requests_with_hit == 2);
  }

  TEST_CASE("a block that one request fills and another ends in is noticed") {
    const auto resized = [](const std::vector<std::pair<Ids, std::uint64_t>>& requests) {
      WorkloadBuilder builder;
      for (const auto& request : requests) REQUIRE(add(builder, request.first, request.second));
      return count_resized_blocks(std::move(builder).build(Tokens(16)));
    };
    CHECK(resized({{{1, 2}, 30}, {{1, 2}, 30}}) == 0);
    CHECK(resized({{{1, 2}, 32}, {{1, 2, 3}, 40}}) == 0);  // 2 is full in both
    CHECK(resized({{{1, 2}, 30}, {{1, 2}, 29}}) == 1);
    CHECK(resized({{{1, 2}, 30}, {{1, 2, 3}, 40}}) == 1);  // extended later
    CHECK(resized({{{1, 2, 3}, 40}, {{1, 2}, 30}}) == 1);  // cut short later
  }

  TEST_CASE("the id index agrees with a map, for dense, sparse and mixed ids") {
    rc::check([] {
      const auto ids = *rc::gen::container<std::set<BlockId>>(
          rc::gen::oneOf(rc::gen::inRange<BlockId>(0, 20000), rc::gen::arbitrary<BlockId>()));
      IdIndex index;
      std::map<BlockId, DenseId> reference;
      for (const BlockId id : ids) {
        RC_ASSERT(index.find(id).dense == IdIndex::kNone);
        const auto dense = static_cast<DenseId>(reference.size());
        index.insert(id, {dense, dense / 2});
        reference[id] = dense;
      }
      for (const auto& entry : reference) {
        RC_ASSERT(index.find(entry.first).dense == entry.second);
        RC_ASSERT(index.find(entry.first).parent == entry.second / 2);
      }
      RC_ASSERT(index.find(20001).dense == IdIndex::kNone || ids.count(20001) == 1);
    });
  }

  TEST_CASE("the id index grows past its first table") {
    IdIndex index;
    for (DenseId i = 0; i < 50000; ++i) index.insert(i % 2 == 0 ? i : mix64(i), {i, 0});
    bool all = true;
    for (DenseId i = 0; i < 50000; ++i) all = all && index.find(i % 2 == 0 ? i : mix64(i)).dense == i;
    CHECK(all);
  }

  TEST_CASE("a sampled parent check finds about 1 in 64 ids, and all duplicates") {
    ParentSample parents;
    for (BlockId id = 0; id < 64000; ++id) REQUIRE(parents.add(Ids{1'000'000 + id, id}));
    int caught = 0;
    for (BlockId id = 0; id < 64000; ++id) caught += !parents.add(Ids{2'000'000 + id, id});
    CHECK(caught > 800);
    CHECK(caught < 1200);
    CHECK_FALSE(parents.add(Ids{7, 8, 7}));
    CHECK_FALSE(parents.add(Ids{7, 7}));
  }

  TEST_CASE("a full sample thins itself out and goes on catching") {
    ParentSample parents(100);
    for (BlockId id = 0; id < 64000; ++id) REQUIRE(parents.add(Ids{1'000'000 + id, id}));
    int caught = 0;
    for (BlockId id = 0; id < 64000; ++id) caught += !parents.add(Ids{2'000'000 + id, id});
    CHECK(caught > 10);
    CHECK(caught <= 100);
  }
}
