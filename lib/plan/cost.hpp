#pragma once
#include <cstdint>

#include "base/result.hpp"

namespace kv {

/// What a cache costs a month, by any way of paying for it. GB is 10^9 bytes; an hour's price is paid 730 times a month
/// (365 x 24 / 12). Prices come as numbers, not as entries of a price file, so that each may be drawn from its range.
/// All functions are pure; each fails (bad_input) for a figure that is negative, not finite or beyond reason.
inline constexpr double kHoursPerMonth = 730, kDaysPerMonth = 365.0 / 12;
inline constexpr double kSecondsPerMonth = kHoursPerMonth * 3600;

/// What the cache holds and moves in steady state, as a mean over the month. A request is a value read or written.
struct CacheLoad {
  double stored_bytes = 0;  ///< of one copy, as the store bills them
  double read_bytes_per_s = 0, written_bytes_per_s = 0;
  double reads_per_s = 0, writes_per_s = 0;
  double cross_zone_share = 0;          ///< of reads and writes: the engine is in another zone than the cache
  std::uint32_t replicas = 0;           ///< copies beside the first
  double replica_cross_zone_share = 0;  ///< of what goes to replicas
};

/// Dollars a month; each at least 0.
struct MonthlyCost {
  double rent_usd = 0;          ///< of machines, or of bytes that are kept
  double requests_usd = 0;      ///< one for each request
  double bytes_usd = 0;         ///< for what a request moves beyond what its own charge covers
  double cross_zone_usd = 0;    ///< between zones
  double amortisation_usd = 0;  ///< of machines that were bought
  double power_usd = 0;
  double colocation_usd = 0;

  double total() const {
    return rent_usd + requests_usd + bytes_usd + cross_zone_usd + amortisation_usd + power_usd + colocation_usd;
  }
  MonthlyCost& operator+=(const MonthlyCost& other);
  MonthlyCost& operator*=(double factor);
};

/// Machines by the hour, replicas among them.
Result<MonthlyCost> rented_cost(double machines, double usd_per_hour);

/// A machine of one's own.
struct OwnMachine {
  double purchase_usd = 0, amortisation_months = 36;
  double watts = 0, pue = 1, usd_per_kwh = 0;
  double colocation_usd_per_month = 0;
};
Result<MonthlyCost> own_cost(double machines, const OwnMachine& machine);

/// A store that bills bytes and requests. A request is billed one ECPU for every `bytes_per_ecpu` of it, and one at
/// least (ElastiCache Serverless: one a KB; sizes within a kind of request are taken to be equal).
struct ServerlessRates {
  double usd_per_gb_hour = 0, usd_per_million_ecpu = 0;
  double bytes_per_ecpu = 1024, minimum_bytes = 0;
};
/// Replicas are the provider's: load.replicas is not looked at.
Result<MonthlyCost> serverless_cost(const CacheLoad& load, const ServerlessRates& rates);

/// Memory or drives that the GPU machines have anyway, for what other work would pay.
Result<MonthlyCost> local_cost(double stored_bytes, double usd_per_gb_hour);

/// Something that is sold by the month.
Result<MonthlyCost> platform_cost(double usd_per_month);

/// What crosses zones: reads, writes, and what replicas are sent.
Result<MonthlyCost> cross_zone_cost(const CacheLoad& load, double usd_per_gb);

/// Dollars of reading one GB, and of writing one, where requests have `bytes_per_request`: what rent_answer() and
/// advise_capacity() ask of a tier (add what of it crosses zones, times its price).
Result<double> serverless_usd_per_gb(const ServerlessRates& rates, double bytes_per_request);

}  // namespace kv
