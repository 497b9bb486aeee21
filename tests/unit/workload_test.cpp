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

  TEST_CASE("an id has one size, and a refused request leaves no trace") {
    WorkloadBuilder builder(Tokens(16));
    const auto message = [&](const Ids& ids, std::uint64_t input) { return add(builder, ids, input).error().message; };
    REQUIRE(add(builder, {1, 2}, 30));
    REQUIRE(add(builder, {1, 2}, 30));
    CHECK(message({1, 2}, 29) == "id 2 ends a prompt of 29 tokens here, but ended one of 30 earlier");
    CHECK(message({1, 2, 3}, 40) ==
          "id 2 is partly filled by a prompt of 30 tokens that ends in it, while another prompt goes on behind it");
    CHECK(message({1}, 15) ==
          "id 1 is partly filled by a prompt of 15 tokens that ends in it, while another prompt goes on behind it");
    REQUIRE(add(builder, {1}, 16));  // full, inside and at the end
    REQUIRE(add(builder, {1}, 16));
    REQUIRE(add(builder, {1, 3}, 32));  // 3 was in a refused request only
    REQUIRE(add(builder, {1, 3, 4}, 33));
    CHECK(message({1, 3}, 31).starts_with("id 3 ends a prompt of 31 tokens here, but ended one of 32"));
    CHECK(std::move(builder).build(Tokens(16)).unique_blocks() == 4);
  }

  TEST_CASE("while the block size is not known, full blocks say which it can be") {
    WorkloadBuilder builder;
    REQUIRE(builder.add({}, Tokens(32), Tokens(1), Ids{1, 2}, 10));
    REQUIRE(builder.add({}, Tokens(40), Tokens(1), Ids{1, 2, 3}, 11));  // so it is 16
    REQUIRE(builder.add({}, Tokens(34), Tokens(1), Ids{1, 4}, 12));
    REQUIRE(builder.add({}, Tokens(40), Tokens(1), Ids{1, 4, 5}, 13));         // so it is 17
    CHECK_FALSE(builder.add({}, Tokens(44), Tokens(1), Ids{1, 4, 5, 6}, 14));  // 40 is not 3 blocks of any size
    CHECK(builder.full_blocks().first_wrong(Tokens(16))->line == 13);
    CHECK(builder.full_blocks().first_wrong(Tokens(17))->line == 11);
    CHECK(builder.full_blocks().first_wrong(Tokens(15))->line == 11);
    CHECK_FALSE(WorkloadBuilder().full_blocks().first_wrong(Tokens(16)).has_value());
  }

  TEST_CASE("a sampled check finds about 1 in 64 ids of two sizes, whichever came first") {
    ParentSample sample(Tokens(16));
    for (BlockId id = 0; id < 64000; ++id) REQUIRE(sample.add(Ids{id}, Tokens(15)));
    int longer = 0, going_on = 0;
    for (BlockId id = 0; id < 64000; ++id) longer += !sample.add(Ids{id}, Tokens(16));
    for (BlockId id = 0; id < 64000; ++id) going_on += !sample.add(Ids{id, 1'000'000 + id}, Tokens(32));
    CHECK(longer > 800);
    CHECK(longer < 1200);
    CHECK(going_on == longer);
    ParentSample turned;
    for (BlockId id = 0; id < 64000; ++id) REQUIRE(turned.add(Ids{id, 1'000'000 + id}, Tokens(32), id));
    for (BlockId id = 0; id < 64000; ++id) REQUIRE(turned.add(Ids{id}, Tokens(15), 100'000 + id));
    CHECK_FALSE(turned.full_blocks().first_wrong(Tokens(15)).has_value());
    CHECK(turned.full_blocks().first_wrong(Tokens(16))->line >= 100'000);
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
    for (BlockId id = 0; id < 64000; ++id) REQUIRE(parents.add(Ids{1'000'000 + id, id}, Tokens(32)));
    int caught = 0;
    for (BlockId id = 0; id < 64000; ++id) caught += !parents.add(Ids{2'000'000 + id, id}, Tokens(32));
    CHECK(caught > 800);
    CHECK(caught < 1200);
    CHECK_FALSE(parents.add(Ids{7, 8, 7}, Tokens(48)));
    CHECK_FALSE(parents.add(Ids{7, 7}, Tokens(32)));
  }

  TEST_CASE("a full sample thins itself out and goes on catching") {
    ParentSample parents(std::nullopt, 100);
    for (BlockId id = 0; id < 64000; ++id) REQUIRE(parents.add(Ids{1'000'000 + id, id}, Tokens(32)));
    int caught = 0;
    for (BlockId id = 0; id < 64000; ++id) caught += !parents.add(Ids{2'000'000 + id, id}, Tokens(32));
    CHECK(caught > 10);
    CHECK(caught <= 100);
  }
}
