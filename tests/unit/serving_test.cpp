// The simulation of serving by cases that can be checked by hand; the reference is in serving_reference_test.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "sim/serving.hpp"
#include "support/linear_prefill.hpp"

using namespace kv;
using namespace std::chrono_literals;

namespace {

/// 1 ms a token of prompt; a decode step takes 10 ms, 1 ms for each sequence and 1 us for each token of context.
const test::LinearPrefill kPrefill(1e-3);

ServingOptions plain(std::uint32_t instances = 1) {
  ServingOptions out;
  out.instances = instances;
  out.token_budget = Tokens(1000);
  out.slots = 8;
  out.decode = flat_decode(0.010, 0.001, 1e-6, 8);
  return out;
}
ServingRequest request(Duration at, std::uint64_t input, std::uint64_t output) {
  return {.at = at, .input = Tokens(input), .output = Tokens(output)};
}

struct Run {
  ServingResult result;
  std::vector<ServedRequest> served;  // by index
};
Run run(ServingOptions options, const std::vector<ServingRequest>& requests) {
  Run out;
  out.served.resize(requests.size());
  options.on_served = [&out](const ServedRequest& s) { out.served[s.index] = s; };
  const auto result = simulate_serving(options, kPrefill, requests);
  REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message));
  out.result = *result;
  return out;
}
double ms(Duration d) { return seconds(d) * 1e3; }

}  // namespace

TEST_SUITE("serving") {
  TEST_CASE("one request: its prompt, and a step for each further token over a growing context") {
    const Run r = run(plain(), {request(5s, 100, 4)});
    CHECK(ms(r.served[0].ttft) == doctest::Approx(100));
    // Three steps of 10 + 1 ms, which read 101, 102 and 103 tokens.
    CHECK(ms(r.served[0].total) == doctest::Approx(100 + 33 + 0.306));
    CHECK(r.served[0].queue == 0ns);
    CHECK(r.result.span == r.served[0].total);
    CHECK(r.result.utilisation == doctest::Approx(1));
    CHECK(r.result.computed_tokens == 100);
    CHECK(r.result.decoded_tokens == 3);
    CHECK(r.result.output_tokens == 4);
    CHECK(r.result.mean_batch == doctest::Approx(3.0 / 4));
    CHECK(static_cast<double>(r.result.token_time.max()) / 1e6 == doctest::Approx(33.306 / 3));
  }

  TEST_CASE("a prompt beyond the budget takes several steps, and what is cached is not computed") {
    const test::LinearPrefill costly(1e-3, 0.5);  // half a second a pass
    const std::vector<ServingRequest> requests{
        {.at = 0s, .input = Tokens(2500), .output = Tokens(1)},
        {.at = 100s, .input = Tokens(2500), .output = Tokens(1), .cached = Tokens(2000), .fetched = Tokens(499)}};
    std::vector<Duration> ttft;
    ServingOptions options = plain();
    options.on_served = [&ttft](const ServedRequest& s) { ttft.push_back(s.ttft); };
    REQUIRE(simulate_serving(options, costly, requests).has_value());
    CHECK(ms(ttft[0]) == doctest::Approx(2500 + 3 * 500));
    CHECK(ms(ttft[1]) == doctest::Approx(1 + 500));
  }

  TEST_CASE("who comes during a step waits for its end; decoding goes on beside a prompt") {
    // The first decodes from 100 ms on: steps of 11 ms and 101, 102, ... us. The second comes at 150 ms, during the
    // fifth, which ends at 100 + 55 + 0.515 ms. The pass for both takes 50 + 1 ms (a token of the first beside) and
    // 1 ms for its sequence and 106 us for its context.
    const Run r = run(plain(), {request(0s, 100, 50), request(150ms, 50, 1)});
    CHECK(ms(r.served[1].queue) == doctest::Approx(5.515));
    CHECK(ms(r.served[1].ttft) == doctest::Approx(5.515 + 52.106));
    // 49 tokens behind the first, one of them in the pass: 48 steps of 11 ms; contexts 101 .. 149 but 106 of them.
    const double contexts_ms = (101 + 149) * 49 / 2.0 * 1e-3;
    CHECK(ms(r.served[0].total) == doctest::Approx(100 + 48 * 11 + 52 + contexts_ms));
  }

  TEST_CASE("prompts share the budget of a step in order") {
    // 1000 tokens a step: 600 of the first and 400 of the second, then the other 200: 1 s and 1.2 s.
    const Run r = run(plain(), {request(0s, 600, 1), request(0s, 600, 1)});
    CHECK(ms(r.served[0].ttft) == doctest::Approx(1000));
    CHECK(ms(r.served[1].ttft) == doctest::Approx(1200));
    CHECK(r.served[1].queue == 0ns);
  }

  TEST_CASE("without a slot, or without room for its KV, a request waits until another ends") {
    ServingOptions options = plain();
    options.slots = 1;
    Run r = run(options, {request(0s, 100, 2), request(0s, 100, 1)});
    const double first_ends = 100 + 11 + 0.101;
    CHECK(ms(r.served[1].queue) == doctest::Approx(first_ends));
    CHECK(ms(r.served[1].ttft) == doctest::Approx(first_ends + 100));
    options = plain();
    options.kv_tokens = Tokens(202);  // 102 + 101 are too many
    r = run(options, {request(0s, 100, 2), request(0s, 100, 1)});
    CHECK(ms(r.served[1].queue) == doctest::Approx(first_ends));
    options.kv_tokens = Tokens(203);
    CHECK(run(options, {request(0s, 100, 2), request(0s, 100, 1)}).served[1].queue == 0ns);
  }

  TEST_CASE("what can never fit is refused, and counts as outside of the SLO") {
    ServingOptions options = plain();
    options.kv_tokens = Tokens(100);
    const Run r = run(options, {request(0s, 100, 1), request(0s, 50, 50)});
    CHECK(r.result.requests == 2);
    CHECK(r.result.refused == 1);
    CHECK(r.result.served == 1);
    CHECK(r.result.within_slo == 1);
    CHECK(r.result.slo_share() == doctest::Approx(0.5));
  }

  TEST_CASE("a fetch takes latency and bytes before the prompt, and shares the instance's link") {
    ServingOptions options = plain();
    options.links = {10ms, 1000};
    ServingRequest fetching{.at = 0s, .input = Tokens(100), .output = Tokens(1), .cached = Tokens(30)};
    fetching.fetched = Tokens(50);
    fetching.fetched_bytes = Bytes(100);
    Run r = run(options, {fetching});
    CHECK(ms(r.served[0].fetch) == doctest::Approx(110));
    CHECK(ms(r.served[0].ttft) == doctest::Approx(110 + 20));
    CHECK(r.served[0].queue == 0ns);
    CHECK(r.result.fetched_bytes == 100);
    CHECK(r.result.network_busy == doctest::Approx(100.0 / 130));
    r = run(options, {fetching, fetching});
    CHECK(ms(r.served[0].ttft) == doctest::Approx(210 + 40));  // both fetched by then, one pass for both
    CHECK(ms(r.served[1].ttft) == doctest::Approx(210 + 40));
    options.instances = 2;
    options.links.server_bytes_per_s = 1000;
    CHECK(ms(run(options, {fetching, fetching}).served[1].ttft) == doctest::Approx(210 + 20));
  }

  TEST_CASE("a store holds the engine behind the first token, which does not wait for it") {
    ServingRequest storing = request(0s, 100, 2);
    storing.store = 500ms;
    const Run r = run(plain(), {storing, request(50ms, 100, 1), request(2s, 100, 1)});
    CHECK(ms(r.served[0].ttft) == doctest::Approx(100));
    CHECK(ms(r.served[1].queue) == doctest::Approx(550));                // until 600 ms
    CHECK(ms(r.served[0].total) == doctest::Approx(600 + 102 + 0.101));  // its second token comes in the other's pass
    CHECK(ms(r.served[2].ttft) == doctest::Approx(100));
  }

  TEST_CASE("routing: the emptiest, in turn, given, or whoever is free first") {
    const auto instances = [](ServingRouting routing, std::vector<ServingRequest> requests) {
      ServingOptions options = plain(2);
      options.slots = 1;
      options.routing = routing;
      std::vector<std::uint32_t> out;
      for (const ServedRequest& s : run(options, requests).served) out.push_back(s.instance);
      return out;
    };
    const std::vector<ServingRequest> requests{request(0s, 900, 1), request(0s, 100, 1), request(0s, 100, 1),
                                               request(150ms, 100, 1)};
    CHECK(instances(ServingRouting::round_robin, requests) == std::vector<std::uint32_t>{0, 1, 0, 1});
    // At 150 ms instance 1 has done its first: 0 has two.
    CHECK(instances(ServingRouting::least_requests, requests) == std::vector<std::uint32_t>{0, 1, 0, 1});
    // In one line the third takes instance 1 at 100 ms, and the fourth at 200.
    CHECK(instances(ServingRouting::shared_queue, requests) == std::vector<std::uint32_t>{0, 1, 1, 1});
    std::vector<ServingRequest> given = requests;
    for (ServingRequest& r : given) r.instance = 1;
    CHECK(instances(ServingRouting::least_requests, given) == std::vector<std::uint32_t>{1, 1, 1, 1});
  }

  TEST_CASE("goodput counts who keeps to each limit") {
    ServingOptions options = plain();
    options.slo.ttft = 100ms;
    const std::vector<ServingRequest> requests{request(0s, 100, 3), request(1s, 101, 1), request(2s, 50, 1)};
    ServingResult r = run(options, requests).result;
    CHECK(r.within_slo == 2);
    CHECK(*r.goodput_per_s() == doctest::Approx(2 / 2.05));
    options.slo.total = 90ms;  // the first takes 122 ms
    r = run(options, requests).result;
    CHECK(r.within_slo == 1);
    options.slo.share = 0.3;
    CHECK(r.meets(options.slo));
    options.slo.share = 0.4;
    CHECK_FALSE(r.meets(options.slo));
  }

  TEST_CASE("nothing, and requests without an output") {
    const ServingResult none = run(plain(), {}).result;
    CHECK(none.requests == 0);
    CHECK(none.utilisation == 0);
    CHECK(none.slo_share() == 1);
    CHECK_FALSE(none.goodput_per_s().has_value());
    ServingOptions options = plain();
    options.decode = {};  // not asked
    const Run r = run(options, {request(0s, 1, 0), request(0s, 1, 1)});
    CHECK(r.served[0].total == r.served[0].ttft);
    CHECK(r.served[1].total == r.served[1].ttft);
    CHECK(r.result.token_time.count() == 0);
  }

  TEST_CASE("extremes: a budget of one token, a million tokens, a crawling wire, all of it there, no time at all") {
    ServingOptions options = plain();
    options.token_budget = Tokens(1);  // one slot, then
    Run r = run(options, {request(0s, 20, 3), request(0s, 5, 1)});
    CHECK(ms(r.served[0].ttft) == doctest::Approx(20));
    CHECK(ms(r.served[1].ttft) == doctest::Approx(20 + 22 + 0.043 + 5));
    r = run(plain(), {request(0s, 1'000'000, 1'000'000)});
    CHECK(seconds(r.served[0].ttft) == doctest::Approx(1000));
    // 999,999 steps of 11 ms, contexts from 1,000,001 to 1,999,999.
    CHECK(seconds(r.served[0].total) == doctest::Approx(1000 + 999'999 * (0.011 + 1.5e-6 * 1e6)));
    options = plain();
    options.links.server_bytes_per_s = 1;
    ServingRequest huge{.at = 0s, .input = Tokens(10), .output = Tokens(1), .cached = Tokens(4), .fetched = Tokens(6)};
    huge.fetched_bytes = Bytes(std::numeric_limits<std::uint64_t>::max());
    r = run(options, {huge, request(0s, 10, 1)});
    CHECK(seconds(r.served[0].ttft) == doctest::Approx(9e9));  // as much as a Duration holds
    CHECK(std::isfinite(r.result.utilisation));
    CHECK(ms(r.served[1].ttft) == doctest::Approx(10));
    huge.fetched_bytes = Bytes(0);
    CHECK(ms(run(plain(), {huge}).served[0].ttft) == doctest::Approx(1));  // the last token is computed again
    options = plain();
    options.decode = flat_decode(0, 0, 0, 8);
    std::vector<Duration> ends;
    options.on_served = [&ends](const ServedRequest& s) { ends.push_back(s.total); };
    const std::vector<ServingRequest> free{request(0s, 5000, 100), request(0s, 1, 0), request(1s, 9, 9)};
    REQUIRE(simulate_serving(options, test::LinearPrefill(0), free).has_value());
    CHECK(ends == std::vector<Duration>{0ns, 0ns, 0ns});
  }

  TEST_CASE("what cannot be is an error that says which") {
    const auto message = [](const ServingOptions& options, const std::vector<ServingRequest>& requests) {
      const auto result = simulate_serving(options, kPrefill, requests);
      CHECK_FALSE(result.has_value());
      return result ? std::string() : result.error().message;
    };
    const auto changed = [](auto change) {
      ServingOptions options = plain();
      change(options);
      return options;
    };
    const std::vector<ServingRequest> one{request(0s, 10, 2)};
    CHECK(message(changed([](auto& o) { o.instances = 0; }), one) == "0 instances cannot be simulated");
    CHECK(message(changed([](auto& o) { o.token_budget = Tokens(0); }), one).find("token budget of 0") == 2);
    CHECK(message(changed([](auto& o) { o.slots = 0; }), one).find("0 slots") != std::string::npos);
    CHECK(message(changed([](auto& o) { o.slots = 9; }), one).find("for 8 sequences, but") != std::string::npos);
    CHECK(message(changed([](auto& o) { o.slo.share = 0; }), one).find("share of 0") != std::string::npos);
    CHECK(message(changed([](auto& o) { o.links.latency = -1ns; }), one).find("latency") != std::string::npos);
    CHECK(message(changed([](auto& o) { o.links.instance_bytes_per_s = 0; }), one).find("an instance") !=
          std::string::npos);
    CHECK(message(changed([](auto& o) { o.links.server_bytes_per_s = -1; }), one).find("the store") !=
          std::string::npos);
    CHECK(message(changed([](auto& o) { o.links.flow_bytes_per_s = std::nan(""); }), one).find("a fetch") !=
          std::string::npos);
    CHECK(message(changed([](auto& o) { o.decode.batch_s[3] = -1; }), one).find("of 4 sequences") != std::string::npos);
    CHECK(message(changed([](auto& o) { o.decode.sequence_s = std::nan(""); }), one).find("a sequence") !=
          std::string::npos);
    CHECK(message(changed([](auto& o) { o.decode = {}; }), one) ==
          "request 0: it has an output, but what a decode step takes is not known");
    CHECK(message(plain(), {one[0], request(-1ns, 1, 1)}) == "request 1: it comes before the one in front of it");
    CHECK(message(plain(), {request(0s, 0, 1)}) == "request 0: 0 tokens in, 1 out");
    ServingRequest bad = one[0];
    bad.cached = Tokens(6);
    bad.fetched = Tokens(5);
    CHECK(message(plain(), {bad}) == "request 0: 6 cached and 5 fetched tokens are more than its 10");
    bad = one[0];
    bad.instance = 1;
    CHECK(message(plain(), {bad}) == "request 0: there is no instance 1, only 1");
    bad = one[0];
    bad.store = -1ns;
    CHECK(message(plain(), {bad}).find("store") != std::string::npos);
  }

  TEST_CASE("stops when it is asked to") {
    const std::atomic<bool> stop = true;
    const std::vector<ServingRequest> one{request(0s, 10, 1)};
    const auto result = simulate_serving(plain(), kPrefill, one, &stop);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code == Code::interrupted);
  }
}
