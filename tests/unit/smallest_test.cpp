#include <doctest/doctest.h>

#include <map>

#include "sim/smallest.hpp"
#include "support/linear_prefill.hpp"

using namespace kv;
using namespace std::chrono_literals;

namespace {

const test::LinearPrefill kPrefill(1e-3);

/// `count` prompts of 1 s each, all at once: with n instances of one slot the last first token comes after
/// ceil(count / n) s.
std::vector<ServingRequest> burst(std::size_t count) {
  std::vector<ServingRequest> out(count);
  for (ServingRequest& r : out) r.input = Tokens(1000);
  return out;
}
ServingOptions within(Duration ttft, double share = 1) {
  ServingOptions out;
  out.slots = 1;
  out.slo.ttft = ttft;
  out.slo.share = share;
  return out;
}
SmallestInstances smallest(const ServingOptions& options, const std::vector<ServingRequest>& requests,
                           std::uint32_t most = 64) {
  const auto found = smallest_instances(
      options, kPrefill, [&requests](std::uint32_t) { return std::span<const ServingRequest>(requests); }, most);
  REQUIRE(found.has_value());
  return *found;
}

}  // namespace

TEST_SUITE("smallest instances") {
  TEST_CASE("as many as the burst needs, for every burst, limit and share") {
    for (const std::size_t count : {1U, 2U, 7U, 12U, 33U}) {
      for (const int limit_s : {1, 2, 5}) {
        const SmallestInstances found = smallest(within(std::chrono::seconds(limit_s)), burst(count));
        CHECK(found.instances == (count + limit_s - 1) / limit_s);
        CHECK(found.monotone);
        CHECK(found.result.slo_share() == 1);
      }
    }
    // Half of 12 within a second: six instances.
    CHECK(smallest(within(1s, 0.5), burst(12)).instances == 6U);
  }

  TEST_CASE("one for nothing to do, none if even the most are too few") {
    CHECK(smallest(within(1s), {}).instances == 1U);
    const SmallestInstances none = smallest(within(1s), burst(12), 11);
    CHECK_FALSE(none.instances.has_value());
    CHECK(none.tried.back().instances == 11);
    CHECK(none.result.slo_share() == doctest::Approx(11.0 / 12));
    CHECK(smallest(within(1s), burst(12), 12).instances == 12U);
    CHECK_FALSE(smallest(within(1ms), burst(1)).instances.has_value());  // no number helps
  }

  TEST_CASE("tries about twice the logarithm of the answer") {
    CHECK(smallest(within(1s), burst(500), 1000).tried.size() <= 2 * 9 + 2);
  }

  TEST_CASE("where more instances cache less, the answer holds for one more, too, or says so") {
    // With four instances everything is cached, with others nothing: 4 meets it, 5 to 7 do not, 8 on do.
    const std::vector<ServingRequest> cold = burst(8);
    std::vector<ServingRequest> warm = cold;
    for (ServingRequest& r : warm) r.cached = Tokens(990);
    const auto found = smallest_instances(
        within(1s), kPrefill,
        [&](std::uint32_t instances) { return std::span<const ServingRequest>(instances == 4 ? warm : cold); }, 64);
    REQUIRE(found.has_value());
    CHECK(found->instances == 8U);
    CHECK_FALSE(found->monotone);
    const auto at_most = smallest_instances(
        within(1s), kPrefill,
        [&](std::uint32_t instances) { return std::span<const ServingRequest>(instances == 4 ? warm : cold); }, 6);
    REQUIRE(at_most.has_value());
    CHECK_FALSE(at_most->instances.has_value());
    CHECK_FALSE(at_most->monotone);
  }

  TEST_CASE("errors are passed on") {
    const auto requests = burst(1);
    const auto all = [&](std::uint32_t) { return std::span<const ServingRequest>(requests); };
    CHECK_FALSE(smallest_instances(within(1s), kPrefill, all, 0).has_value());
    ServingOptions bad = within(1s);
    bad.slots = 0;
    CHECK_FALSE(smallest_instances(bad, kPrefill, all, 4).has_value());
    const std::atomic<bool> stop = true;
    CHECK(smallest_instances(within(1s), kPrefill, all, 4, &stop).error().code == Code::interrupted);
  }
}
