// The simulation of serving against every step done one by one, and laws that hold of any.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <set>

#include "sim/serving.hpp"
#include "support/linear_prefill.hpp"
#include "support/random_requests.hpp"
#include "support/slow_serving.hpp"

using namespace kv;

namespace {

const test::LinearPrefill kPrefill(20e-6, 2e-3, 4e-9);

ServingOptions any_options() {
  ServingOptions o;
  o.instances = *rc::gen::inRange<std::uint32_t>(1, 5);
  o.routing =
      *rc::gen::element(ServingRouting::least_requests, ServingRouting::round_robin, ServingRouting::shared_queue);
  o.token_budget = Tokens(*rc::gen::element<std::uint64_t>(8, 64, 512, 8192));
  o.slots = *rc::gen::element<std::uint32_t>(1, 3, 64);
  if (*rc::gen::arbitrary<bool>()) o.kv_tokens = Tokens(*rc::gen::inRange<std::uint64_t>(1000, 9000));
  o.decode = flat_decode(*rc::gen::element(0.0, 0.01), *rc::gen::element(0.0, 1e-4), *rc::gen::element(0.0, 1e-7), 64);
  for (std::size_t n = 0; n < o.decode.batch_s.size(); ++n) o.decode.batch_s[n] *= 1 + 0.01 * static_cast<double>(n);
  o.links.latency = std::chrono::milliseconds(*rc::gen::element(0, 5));
  o.links.instance_bytes_per_s = *rc::gen::element(1e8, 1e9, FetchLinks::kNoLimit);
  o.links.server_bytes_per_s = *rc::gen::element(1e8, 2e9, FetchLinks::kNoLimit);
  o.links.flow_bytes_per_s = *rc::gen::element(7e7, FetchLinks::kNoLimit);
  return o;
}

std::vector<ServingRequest> any_requests() {
  test::RequestMix mix;
  mix.requests = *rc::gen::inRange<std::size_t>(1, 40);
  mix.per_s = *rc::gen::element(1.0, 20.0, 1000.0);
  mix.output = *rc::gen::element<std::uint64_t>(1, 5, 200);
  mix.store_s = *rc::gen::element(0.0, 0.01);
  return test::random_requests(*rc::gen::arbitrary<std::uint64_t>(), mix);
}

std::vector<ServedRequest> fast(ServingOptions options, const std::vector<ServingRequest>& requests,
                                ServingResult* result = nullptr) {
  std::vector<ServedRequest> out(requests.size());
  for (ServedRequest& s : out) s.instance = UINT32_MAX;
  options.on_served = [&out](const ServedRequest& s) { out[s.index] = s; };
  auto made = simulate_serving(options, kPrefill, requests);
  REQUIRE(made.has_value());
  if (result != nullptr) *result = *std::move(made);
  return out;
}

double mean(const std::vector<ServedRequest>& served, Duration ServedRequest::*time) {
  double sum = 0;
  for (const ServedRequest& s : served) sum += seconds(s.*time);
  return served.empty() ? 0 : sum / static_cast<double>(served.size());
}

/// Equal but for what a sum rounds differently.
bool near(double a, double b) { return std::abs(a - b) <= 1e-6 + 1e-6 * std::max(a, b); }

}  // namespace

TEST_SUITE("serving reference") {
  TEST_CASE("means are within 2 % of every step done one by one, and nearly every request's times are equal") {
    std::size_t requests = 0, equal = 0;
    CHECK(rc::check([&] {
      const ServingOptions options = any_options();
      const std::vector<ServingRequest> input = any_requests();
      const auto one = fast(options, input), other = test::slow_serving(options, kPrefill, input);
      for (std::size_t i = 0; i < input.size(); ++i) {
        RC_ASSERT((one[i].instance == UINT32_MAX) == (other[i].instance == UINT32_MAX));
        ++requests;
        equal += near(seconds(one[i].total), seconds(other[i].total)) &&
                 near(seconds(one[i].ttft), seconds(other[i].ttft)) &&
                 near(seconds(one[i].queue), seconds(other[i].queue)) &&
                 near(seconds(one[i].fetch), seconds(other[i].fetch));
      }
      for (const auto time : {&ServedRequest::ttft, &ServedRequest::total, &ServedRequest::fetch}) {
        const double a = mean(one, time), b = mean(other, time);
        RC_ASSERT(std::abs(a - b) <= 0.02 * b + 1e-9);
      }
    }));
    // A tie at a step's end that rounding breaks the other way shifts whoever comes behind.
    CHECK(static_cast<double>(equal) >= 0.98 * static_cast<double>(requests));
  }

  TEST_CASE("the same input gives the same result, bit by bit") {
    CHECK(rc::check([] {
      const ServingOptions options = any_options();
      const std::vector<ServingRequest> input = any_requests();
      ServingResult a, b;
      const auto one = fast(options, input, &a), other = fast(options, input, &b);
      for (std::size_t i = 0; i < input.size(); ++i) RC_ASSERT(one[i].total == other[i].total);
      RC_ASSERT(a.span == b.span);
      RC_ASSERT(a.utilisation == b.utilisation);
      RC_ASSERT(a.ttft.sum() == b.ttft.sum());
    }));
  }

  TEST_CASE("times are in order, and what went in comes out") {
    CHECK(rc::check([] {
      const ServingOptions options = any_options();
      const std::vector<ServingRequest> input = any_requests();
      ServingResult r;
      const auto served = fast(options, input, &r);
      RC_ASSERT(r.requests == input.size());
      RC_ASSERT(r.served + r.refused == r.requests);
      RC_ASSERT(r.within_slo == r.served);
      RC_ASSERT(r.total.count() == r.served);
      RC_ASSERT(r.utilisation >= 0);
      RC_ASSERT(r.utilisation <= 1);
      RC_ASSERT(r.network_busy >= 0);
      RC_ASSERT(r.network_busy <= 1);
      std::uint64_t computed = 0, output = 0, decoded = 0;
      for (std::size_t i = 0; i < input.size(); ++i) {
        const ServedRequest& s = served[i];
        if (s.instance == UINT32_MAX) continue;
        RC_ASSERT(s.instance < options.instances);
        RC_ASSERT(s.fetch >= Duration(0));
        RC_ASSERT(s.queue >= Duration(0));
        RC_ASSERT(s.fetch + s.queue <= s.ttft + Duration(2));  // each is rounded
        RC_ASSERT(s.ttft <= s.total);
        const std::uint64_t there = input[i].cached.count() + input[i].fetched.count();
        computed += std::max<std::uint64_t>(input[i].input.count() - there, 1);
        output += input[i].output.count();
        decoded += input[i].output.count() - 1;
      }
      RC_ASSERT(r.computed_tokens == computed);
      RC_ASSERT(r.output_tokens == output);
      RC_ASSERT(r.decoded_tokens == decoded);
    }));
  }

  // Each of a few fixed mixes: where two runs hardly differ, a request more or less in a step decides.
  TEST_CASE("more bandwidth, or less latency, serves no later; more instances no later on average") {
    for (const std::uint64_t budget : {512, 8192}) {
      for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        CAPTURE(budget);
        CAPTURE(seed);
        ServingOptions options;
        options.instances = static_cast<std::uint32_t>(1 + seed % 4);
        options.token_budget = Tokens(budget);
        options.slots = 64;  // enough: where a line grows without end, who comes first in it decides, not who is faster
        options.decode = flat_decode(0.005, 1e-5, 1e-8, 64);
        const auto input = test::random_requests(seed, {.requests = 300, .per_s = 20});
        options.links = {std::chrono::milliseconds(5), 1e8, 2e8};
        const auto before = fast(options, input);
        ServingOptions faster = options;
        faster.links = {std::chrono::milliseconds(1), 4e8, 9e8};
        const auto with_faster = fast(faster, input);
        CHECK(mean(with_faster, &ServedRequest::fetch) <= mean(before, &ServedRequest::fetch));
        CHECK(mean(with_faster, &ServedRequest::ttft) <= 1.01 * mean(before, &ServedRequest::ttft));
        ServingOptions more = options;
        more.instances *= 2;
        const auto with_more = fast(more, input);
        CHECK(mean(with_more, &ServedRequest::ttft) <= 1.01 * mean(before, &ServedRequest::ttft));
        CHECK(mean(with_more, &ServedRequest::total) <= 1.01 * mean(before, &ServedRequest::total));
      }
    }
  }

  TEST_CASE("what is cached is not computed: serves no later on average") {
    CHECK(rc::check([] {
      ServingOptions options = any_options();
      options.token_budget = Tokens(512);
      auto input = test::random_requests(*rc::gen::arbitrary<std::uint64_t>(),
                                         {.requests = 200, .per_s = 20, .cached = 0, .fetched = 0});
      const auto cold = fast(options, input);
      for (ServingRequest& r : input) r.cached = Tokens(r.input.count() / 2);
      RC_ASSERT(mean(fast(options, input), &ServedRequest::ttft) <= 1.01 * mean(cold, &ServedRequest::ttft));
    }));
  }
}
