#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <set>

#include "base/random.hpp"
#include "profile/fitted_text.hpp"
#include "profile/resemblance.hpp"
#include "support/fitting.hpp"
#include "support/generated.hpp"
#include "support/random_workload.hpp"

namespace {

using namespace kv;
using test::fit;
using test::Trace;

FittedProfile read_again(const std::string& text) {
  const auto root = parse_toml(text, "p.toml");
  if (!root) FAIL(root.error().message);
  auto profile = read_fitted(*root);
  if (!profile) FAIL(profile.error().message);
  return std::move(*profile);
}

const char* const kSmall =
    "[fitted]\nblock_size = 16\nrequests = 3\ntick_ms = 10\nlast_ms = 500\ninput_step = 1\nminutes = [1,-2,2]\n"
    "input_tokens = [[0,20],[2,60]]\noutput_tokens = [[0,5],[2,5]]\ncapacities = [2,3]\nreuse = [[9,2,1]]\n"
    "strata = [[1,0,0,9999,0,0,0,0,0,0,9999,0,9999],[2,1,0,9999,1,2,1,3,1,0,9999,0,9999]]\n";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_SUITE("fitted profile") {
  TEST_CASE("what is written is read again") {
    rc::check([](std::uint64_t seed) {
      const FittedProfile profile = fit(test::random_workload(seed));
      RC_ASSERT(read_again(format_fitted(profile)) == profile);
    });
  }

  TEST_CASE("any profile makes a workload that every reader takes, and as many requests as asked") {
    rc::check([](std::uint64_t seed) {
      const std::string text = format_fitted(fit(test::random_workload(seed)));
      for (const std::uint64_t requests : {1, 7, 60, 150}) {
        const Workload made = test::generate_workload(text, Tokens(16), {seed, requests});
        RC_ASSERT(made.size() == requests);
      }
    });
  }

  TEST_CASE("a round that begins again has nothing in common with the one before") {
    const test::Generated made = test::generate(kSmall, {1, 6});
    REQUIRE(made.lines.size() == 6);
    CHECK(made.lines[3].at == std::chrono::minutes(4));
    std::set<BlockId> first, second;
    for (std::size_t i = 0; i < 6; ++i)
      (i < 3 ? first : second).insert(made.lines[i].ids.begin(), made.lines[i].ids.end());
    CHECK(*second.begin() > *first.rbegin());
    CHECK(made.counts.unique_blocks == first.size() + second.size());
  }

  TEST_CASE("the same seed gives the same bytes, here and elsewhere") {
    const std::string a = test::generate(kSmall, {1, {}}).text;
    CHECK(a == test::generate(kSmall, {1, {}}).text);
    CHECK(a != test::generate(kSmall, {2, {}}).text);
    std::uint64_t hash = 0;
    for (const char c : test::generate(kSmall, {5, 3000}).text) hash = mix64(hash, static_cast<std::uint64_t>(c));
    CHECK(hash == 15517477222256196061U);  // on x86-64 with g++ 12
  }

  TEST_CASE("a profile that contradicts itself is refused at its place") {
    const auto refused = [](const std::string& from, const std::string& to) {
      const auto generator = parse_profile(replaced(kSmall, from, to), "p.toml");
      return generator ? std::string("taken") : generator.error().message;
    };
    REQUIRE(parse_profile(kSmall, "p.toml"));
    CHECK(refused("minutes = [1,-2,2]", "minutes = [1,-2,1]") == "p.toml:1: fitted: minutes have 2 requests, not 3");
    CHECK(refused("[[1,0,", "[[2,0,") == "p.toml:1: fitted: strata have 4 requests, not 3");
    CHECK(refused("[2,60]", "[1,60]") == "p.toml:1: fitted: the last length is not that of the last request");
    CHECK(refused("[2,60]", "[2,19]").find("ranks rise from 0 on, and lengths do not fall") != std::string::npos);
    CHECK(refused("[2,60]", "[2,99999999]").find("has more than") != std::string::npos);
    CHECK(refused("[2,60]", "[2]").find("has 1 entries, not 2") != std::string::npos);
    CHECK(refused("-2,2", "-9999999999,2").find("more minutes than ten years have") != std::string::npos);
    CHECK(refused("[9,2,1]", "[2,2,1]").find("3 hits of 2 block references") != std::string::npos);
    CHECK(refused("[9,2,1]", "[9,2]") == "p.toml:1: fitted: reuse has not one figure for each of the capacities");
    CHECK(refused("0,9999,1,2,", "0,9999,2,1,").find("a range from 2 to 1") != std::string::npos);
    CHECK(refused("[[1,0,", "[[\xC8\xA2,0,").find("p.toml:12: other than ASCII") == 0);
    CHECK(refused("tick_ms", "tick").find("tick") != std::string::npos);
    CHECK(refused("requests = 3", "requests = 99999999").find("p.toml:3: fitted.requests") == 0);
    CHECK(refused("[fitted]", "[other]\nx = 1\n[fitted]").find("other") != std::string::npos);
    CHECK(refused("capacities = [2,3]", "capacities = [3,2]").find("sizes rise") != std::string::npos);
  }

  TEST_CASE("requests beyond a hundred years are refused, not wrapped") {
    const auto generator = parse_profile(kSmall, "p.toml");
    REQUIRE(generator);
    const auto made = (*generator)->run({1, 1'000'000'000}, [](const TraceLine&) -> Result<bool> { return true; });
    REQUIRE_FALSE(made);
    CHECK(made.error().message == "1000000000 requests would take more than a hundred years");
  }
}

TEST_SUITE("resemblance") {
  TEST_CASE("figures that are off are told, by how much") {
    Trace trace(16), other(16);
    const auto shared = trace.add(0, 64, 10);
    for (std::uint64_t i = 1; i < 100; ++i) trace.add(i * 1000, 80, 10, shared);
    for (std::uint64_t i = 0; i < 100; ++i) other.add(i * 1000, 84, 11);
    const Workload a = trace.done(), b = other.done();
    CHECK(compare_workloads(a, a).holds());
    CHECK(compare_workloads(a, a).worst() == 0);
    const Likeness likeness = compare_workloads(a, b);
    const auto find = [&](const std::string& name) {
      for (const LikenessFigure& f : likeness.figures) {
        if (f.name == name) return f;
      }
      FAIL(name);
      return LikenessFigure{};
    };
    CHECK(find("input_tokens.p50").holds);  // 84 for 80: 5 %
    CHECK(find("output_tokens.p50").error == doctest::Approx(0.1));
    CHECK_FALSE(find("output_tokens.p50").holds);
    CHECK(find("requests_per_minute.worst").holds);
    // 99 requests of 5 blocks hit 4 of them; 499 references.
    CHECK(find("ideal.block_hit_rate").target == doctest::Approx(396.0 / 499));
    CHECK(find("ideal.block_hit_rate").got == 0);
    CHECK(find("lru.worst_block_hit_rate").error == doctest::Approx(-396.0 / 499));
    CHECK_FALSE(likeness.holds());
  }
}
