// The simulation of serving where it is a queue of books: one prompt at a time and no batching.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "sim/queueing.hpp"
#include "sim/serving.hpp"
#include "support/linear_prefill.hpp"

using namespace kv;

namespace {

constexpr std::size_t kRequests = 400'000, kBatches = 40;
constexpr double kTokens = 100'000;               // the mean prompt: enough that whole tokens are as good as any time
const test::LinearPrefill kPrefill(1 / kTokens);  // its service takes a second

struct Mean {
  double value = 0, standard_error = 0;
};
/// By batches, since neighbours wait together.
Mean batch_mean(const std::vector<double>& samples) {
  std::vector<double> means(kBatches, 0);
  const std::size_t each = samples.size() / kBatches;
  for (std::size_t b = 0; b < kBatches; ++b) {
    for (std::size_t i = 0; i < each; ++i) means[b] += samples[b * each + i] / static_cast<double>(each);
  }
  Mean out;
  for (const double m : means) out.value += m / kBatches;
  double squares = 0;
  for (const double m : means) squares += (m - out.value) * (m - out.value);
  out.standard_error = std::sqrt(squares / (kBatches - 1) / kBatches);
  return out;
}

double exponential(Random& random) { return -std::log(1 - random.uniform()); }

struct Queue {
  double arrivals_per_s;
  std::uint32_t servers;
  bool exponential_service;
};
Mean simulated_wait(const Queue& queue, std::uint64_t seed, double* utilisation = nullptr) {
  Random random(seed);
  std::vector<double> waits(kRequests);
  ServingOptions options;
  options.instances = queue.servers;
  options.routing = ServingRouting::shared_queue;
  options.slots = 1;
  options.token_budget = Tokens(UINT32_MAX);
  options.on_served = [&waits](const ServedRequest& s) { waits[s.index] = seconds(s.queue); };
  auto simulation = *ServingSimulation::make(options, kPrefill);
  double at = 0;
  for (std::size_t i = 0; i < kRequests; ++i) {
    at += exponential(random) / queue.arrivals_per_s;
    const double tokens = kTokens * (queue.exponential_service ? exponential(random) : 1);
    ServingRequest request{.at = from_seconds(at)};
    request.input = Tokens(static_cast<std::uint64_t>(std::max(1.0, std::round(tokens))));
    REQUIRE(simulation.offer(request).has_value());
  }
  const ServingResult result = simulation.finish();
  CHECK(result.served == kRequests);
  if (utilisation != nullptr) *utilisation = result.utilisation;
  return batch_mean(waits);
}

void check_near(const Mean& simulated, double expected) {
  CAPTURE(expected);
  CAPTURE(simulated.value);
  CAPTURE(simulated.standard_error);
  CHECK(std::abs(simulated.value - expected) < 4 * simulated.standard_error + 1e-4);
  CHECK(simulated.standard_error < 0.05 * expected);  // or else it says nothing
}

}  // namespace

TEST_SUITE("serving queues") {
  TEST_CASE("M/M/1: the mean wait is u / (1 - u) services") {
    double utilisation = 0;
    check_near(simulated_wait({0.5, 1, true}, 1, &utilisation), 0.5 / 0.5);
    CHECK(utilisation == doctest::Approx(0.5).epsilon(0.01));
    check_near(simulated_wait({0.75, 1, true}, 2), 0.75 / 0.25);
    check_near(simulated_wait({0.75, 1, true}, 3), *mmc_mean_wait_s({0.75, 1, 1}));
  }

  TEST_CASE("M/D/1: half of that") {
    check_near(simulated_wait({0.5, 1, false}, 4), 0.5 / 0.5 / 2);
    check_near(simulated_wait({0.8, 1, false}, 5), *mg1_mean_wait_s({0.8, 1, 1}, 0));
  }

  TEST_CASE("M/M/c: Erlang's") {
    check_near(simulated_wait({3.2, 4, true}, 6), *mmc_mean_wait_s({3.2, 1, 4}));
    check_near(simulated_wait({1.6, 2, true}, 7), 0.711111 / (2 - 1.6));  // C = 6.4 / (2.6 + 6.4)
  }

  TEST_CASE("M/D/c: Crommelin's") {
    check_near(simulated_wait({3.2, 4, false}, 8), *mdc_mean_wait_s({3.2, 1, 4}));
    check_near(simulated_wait({7, 8, false}, 9), *mdc_mean_wait_s({7, 1, 8}));
  }
}
