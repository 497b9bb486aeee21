#include "sim/queueing.hpp"

#include <algorithm>
#include <cmath>

namespace kv {
namespace {

constexpr std::uint32_t kMostServers = 65'536;
constexpr double kExactUpTo = 0.95;

bool stable(const QueueLoad& load) {
  return std::isfinite(load.arrivals_per_s) && std::isfinite(load.service_s) && load.arrivals_per_s >= 0 &&
         load.service_s >= 0 && load.servers >= 1 && load.servers <= kMostServers && load.utilisation() < 1;
}

/// P(N >= k) and P(N >= k + 1), N ~ Poisson(mean), mean < k, from log(k!).
struct PoissonTail {
  double from = 0, behind = 0;
};
PoissonTail poisson_tail(double mean, double k, double log_factorial) {
  const double at = std::exp(k * std::log(mean) - mean - log_factorial);
  double term = at, behind = 0;
  for (double j = k + 1;; ++j) {
    term *= mean / j;
    behind += term;
    if (term <= behind * 1e-16) return {at + behind, behind};
  }
}

double exact_mdc_wait_s(const QueueLoad& load) {
  const double a = load.offered(), c = load.servers;
  double sum = 0, log_factorial = 0, k = 0;
  for (double i = 1;; ++i) {
    while (k < i * c) log_factorial += std::log(++k);
    const PoissonTail tail = poisson_tail(i * a, k, log_factorial);
    const double term = tail.from - c / a * tail.behind;
    sum += term;
    // Terms fall faster than exp(-i c (u - 1 - log u)); with u <= 0.95 some ten thousand are the most.
    if (!(term > sum * 1e-12)) return std::max(sum, 0.0) * load.service_s;
  }
}

}  // namespace

std::optional<double> erlang_c(const QueueLoad& load) {
  if (!stable(load)) return std::nullopt;
  const double a = load.offered();
  double blocked = 1;  // Erlang B, of no servers
  for (std::uint32_t n = 1; n <= load.servers; ++n) blocked = a * blocked / (n + a * blocked);
  return blocked / (1 - load.utilisation() * (1 - blocked));
}

std::optional<double> mmc_mean_wait_s(const QueueLoad& load) {
  const std::optional<double> waits = erlang_c(load);
  if (!waits) return std::nullopt;
  return *waits * load.service_s / (load.servers - load.offered());
}

std::optional<double> mmc_wait_quantile_s(const QueueLoad& load, double quantile) {
  const std::optional<double> waits = erlang_c(load);
  if (!waits || !(quantile >= 0 && quantile < 1)) return std::nullopt;
  const double longer = 1 - quantile;
  if (*waits <= longer) return 0.0;
  return std::log(*waits / longer) * load.service_s / (load.servers - load.offered());
}

std::optional<double> mg1_mean_wait_s(const QueueLoad& load, double squared_variation) {
  if (!stable(load) || load.servers != 1 || !std::isfinite(squared_variation) || squared_variation < 0) {
    return std::nullopt;
  }
  const double u = load.utilisation();
  return u * load.service_s * (1 + squared_variation) / 2 / (1 - u);
}

std::optional<double> mdc_mean_wait_s(const QueueLoad& load) {
  if (!stable(load)) return std::nullopt;
  if (load.servers == 1) return mg1_mean_wait_s(load, 0);
  if (load.offered() < 1e-6) return 0.0;  // one in a million meets another request at all
  const double u = load.utilisation(), c = load.servers;
  if (u <= kExactUpTo) return exact_mdc_wait_s(load);
  return *mmc_mean_wait_s(load) / 2 * (1 + (1 - u) * (c - 1) * (std::sqrt(4 + 5 * c) - 2) / (16 * u * c));
}

}  // namespace kv
