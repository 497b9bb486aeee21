#include "workload/block_size.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

using namespace kv;

namespace {

Result<Tokens> infer(const std::vector<std::pair<std::uint64_t, std::size_t>>& requests) {
  BlockSizeFit fit;
  std::uint64_t line = 0;
  for (const auto& [input, blocks] : requests) {
    ++line;
    if (const auto checked = fit.check(Tokens(input), blocks); !checked) return error(checked);
    fit.take(line, Tokens(input), blocks);
  }
  return fit.choice();
}

}  // namespace

TEST_SUITE("workload block size") {
  TEST_CASE("the interval holds exactly the sizes that fit") {
    rc::check([] {
      const auto input = *rc::gen::inRange<std::uint64_t>(1, 300);
      const auto blocks = *rc::gen::inRange<std::size_t>(1, 320);
      const BlockSizes sizes = sizes_that_fit(Tokens(input), blocks);
      for (std::uint64_t b = 1; b < 400; ++b) RC_ASSERT(sizes.contains(Tokens(b)) == (ceil_div(input, b) == blocks));
    });
  }

  TEST_CASE("one value left is the answer, power of two or not") {
    CHECK(infer({{1200, 2}, {1201, 3}}).value() == Tokens(600));
    CHECK(infer({{1024, 2}, {1025, 3}}).value() == Tokens(512));
  }

  TEST_CASE("among several values the only power of two is the answer") {
    CHECK(infer({{7322, 15}}).value() == Tokens(512));                // 489 to 522
    CHECK(infer({{33, 3}, {60, 4}, {12, 1}}).value() == Tokens(16));  // 15 or 16
  }

  TEST_CASE("several values without one power of two are asked for") {
    const auto none = infer({{1700, 3}, {1200, 2}});  // 600 to 849
    REQUIRE_FALSE(none);
    CHECK(none.error().message.find("600 to 849") != std::string::npos);
    CHECK(none.error().hint.find("--block-size") != std::string::npos);
    const auto many = infer({{100, 1}, {300, 1}});
    REQUIRE_FALSE(many);
    CHECK(many.error().message.find("300 or more") != std::string::npos);
    CHECK_FALSE(infer({{20, 2}, {500, 2}, {5, 1}}));  // contradiction: 10 to 19, but 250 to 499
  }

  TEST_CASE("a request that contradicts those before it says with which line and how") {
    const auto bad = infer({{6758, 14}, {7322, 15}, {7322, 13}});
    REQUIRE_FALSE(bad);
    CHECK(bad.error().message == "hash_ids has 13 entries, but input_length 7322 needs 15 at block size 512");
    CHECK(bad.error().hint.find("(see line 1)") != std::string::npos);  // 6758 in 14 blocks: 483 to 519
    CHECK(bad.error().hint.find("564 to 610") != std::string::npos);
    CHECK(infer({{3, 5}}).error().message.find("by no block size") != std::string::npos);
    CHECK(infer({{5, 4}}).error().message.find("by no block size") != std::string::npos);
  }

  TEST_CASE("a given block size is held against every request") {
    BlockSizeFit fit(Tokens(512));
    CHECK(fit.check(Tokens(1), 1));
    CHECK(fit.check(Tokens(512), 1));
    CHECK(fit.check(Tokens(513), 2));
    CHECK_FALSE(fit.check(Tokens(513), 1));
    const auto bad = fit.check(Tokens(7322), 13);
    CHECK(bad.error().message == "hash_ids has 13 entries, but input_length 7322 needs 15 at block size 512");
    CHECK(bad.error().hint.find("564 to 610") != std::string::npos);
    CHECK(fit.choice().value() == Tokens(512));
  }

  TEST_CASE("a majority is not moved by damaged requests, wherever they stand") {
    std::vector<BlockSizes> requests{sizes_that_fit(Tokens(100), 50)};
    for (std::uint64_t input = 600; input < 6000; input += 77) {
      requests.push_back(sizes_that_fit(Tokens(input), ceil_div(input, 512)));
    }
    requests.push_back(sizes_that_fit(Tokens(3), 9));
    CHECK(majority_block_size(requests).value() == Tokens(512));
    requests.assign({sizes_that_fit(Tokens(20), 2), sizes_that_fit(Tokens(400), 2)});
    CHECK_FALSE(majority_block_size(requests));  // one vote each for 16 and 256
  }

  TEST_CASE("any block size explains its own requests, alone or by majority") {
    rc::check([] {
      const auto size = *rc::gen::inRange<std::uint64_t>(1, 2000);
      const auto inputs = *rc::gen::nonEmpty(
          rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(1, 100000)));
      BlockSizeFit fit;
      std::vector<BlockSizes> votes;
      for (const auto input : inputs) {
        const std::size_t blocks = ceil_div(input, size);
        RC_ASSERT(fit.check(Tokens(input), blocks).has_value());
        fit.take(1, Tokens(input), blocks);
        votes.push_back(sizes_that_fit(Tokens(input), blocks));
        RC_ASSERT(votes.back().contains(Tokens(size)));
      }
      const auto one = fit.choice(), most = majority_block_size(votes);
      RC_ASSERT(one.has_value() == most.has_value());
      if (one) RC_ASSERT(*one == *most);
    });
  }
}
