#pragma once
#include <cstdint>
#include <optional>

namespace kv {

/// Closed forms of queues in which requests come at random (Poisson) and wait, first come first served, for one of c
/// servers. They are what a simulation is held to, and enough where nothing is batched. Times in seconds, rates per
/// second. nullopt: no such mean, because requests come as fast as they can be served or faster, or because an
/// argument is no rate or time (negative, not finite, no servers). Stateless, thread-safe.

/// What comes to one queue.
struct QueueLoad {
  double arrivals_per_s = 0;
  double service_s = 0;       ///< mean time of one request on one server
  std::uint32_t servers = 1;  ///< c, at most 65,536

  double offered() const { return arrivals_per_s * service_s; }  ///< mean number of busy servers, in Erlang
  double utilisation() const { return offered() / servers; }
};

/// Share of requests that wait, M/M/c (Erlang 1917; by the recursion of Erlang B, which cannot overflow).
std::optional<double> erlang_c(const QueueLoad& load);

/// Mean wait of M/M/c: erlang_c x service / (c - offered). M/M/1's is utilisation x service / (1 - utilisation).
std::optional<double> mmc_mean_wait_s(const QueueLoad& load);
/// The wait that a share `quantile` (0 to below 1) of M/M/c's requests do not exceed: P(wait > t) =
/// erlang_c x exp(-(c - offered) t / service).
std::optional<double> mmc_wait_quantile_s(const QueueLoad& load, double quantile);

/// Mean wait of M/G/1 by Pollaczek and Khinchine (1930, 1932): utilisation x service x (1 + v) / 2 / (1 - utilisation),
/// v being the variance of service over its mean squared: 1 for M/M/1, 0 for M/D/1. load.servers must be 1.
std::optional<double> mg1_mean_wait_s(const QueueLoad& load, double squared_variation);

/// Mean wait of M/D/c. Up to a utilisation of 0.95 exact: every c-th request sees an E_c/D/1 queue, whose mean wait is
/// by Spitzer's identity (1956)
///   service x sum over i >= 1 of P(N_i >= ic) - c / offered x P(N_i >= ic + 1),  N_i ~ Poisson(i x offered),
/// which is Crommelin's result (1932). Beyond, where the sum converges slowly, by Cosmetatos' approximation (1975):
///   half of M/M/c's wait x (1 + (1 - u)(c - 1)(sqrt(4 + 5c) - 2) / (16 u c)),
/// which is within 1 % there. M/D/1 is exact everywhere.
std::optional<double> mdc_mean_wait_s(const QueueLoad& load);

}  // namespace kv
