#include "plan/cost.hpp"

#include <algorithm>

#include "plan/checks.hpp"

namespace kv {
namespace {

constexpr double kGb = 1e9, kMillion = 1e6;
constexpr double kMostUsd = 1e12, kMostMachines = 1e9, kMostBytes = 1e21, kMostRate = 1e18;

Result<void> check_load(const CacheLoad& load) {
  return check_figures("cache", {{"stored bytes", load.stored_bytes, 0, kMostBytes},
                                 {"bytes read per second", load.read_bytes_per_s, 0, kMostRate},
                                 {"bytes written per second", load.written_bytes_per_s, 0, kMostRate},
                                 {"reads per second", load.reads_per_s, 0, kMostRate},
                                 {"writes per second", load.writes_per_s, 0, kMostRate},
                                 {"the share across zones", load.cross_zone_share, 0, 1},
                                 {"replicas", static_cast<double>(load.replicas), 0, 100},
                                 {"the replicas' share across zones", load.replica_cross_zone_share, 0, 1}});
}

Result<void> check_rates(const ServerlessRates& rates) {
  return check_figures("serverless", {{"dollars per GB-hour", rates.usd_per_gb_hour, 0, kMostUsd},
                                      {"dollars per million ECPU", rates.usd_per_million_ecpu, 0, kMostUsd},
                                      {"bytes per ECPU", rates.bytes_per_ecpu, 1, kMostBytes},
                                      {"the minimum in bytes", rates.minimum_bytes, 0, kMostBytes}});
}

/// ECPUs beyond the one of each request.
double further_ecpus(double bytes, double requests, double bytes_per_ecpu) {
  return std::max(bytes / bytes_per_ecpu - requests, 0.0);
}

}  // namespace

MonthlyCost& MonthlyCost::operator+=(const MonthlyCost& other) {
  rent_usd += other.rent_usd;
  requests_usd += other.requests_usd;
  bytes_usd += other.bytes_usd;
  cross_zone_usd += other.cross_zone_usd;
  amortisation_usd += other.amortisation_usd;
  power_usd += other.power_usd;
  colocation_usd += other.colocation_usd;
  return *this;
}

MonthlyCost& MonthlyCost::operator*=(double factor) {
  for (double* part :
       {&rent_usd, &requests_usd, &bytes_usd, &cross_zone_usd, &amortisation_usd, &power_usd, &colocation_usd}) {
    *part *= factor;
  }
  return *this;
}

Result<MonthlyCost> rented_cost(double machines, double usd_per_hour) {
  const auto checked = check_figures(
      "nodes", {{"machines", machines, 0, kMostMachines}, {"dollars per hour", usd_per_hour, 0, kMostUsd}});
  if (!checked) return error(checked);
  MonthlyCost out;
  out.rent_usd = machines * usd_per_hour * kHoursPerMonth;
  return out;
}

Result<MonthlyCost> own_cost(double machines, const OwnMachine& machine) {
  const auto checked =
      check_figures("servers", {{"machines", machines, 0, kMostMachines},
                                {"dollars of purchase", machine.purchase_usd, 0, kMostUsd},
                                {"months of amortisation", machine.amortisation_months, 1, 1200},
                                {"watts", machine.watts, 0, 1e6},
                                {"PUE", machine.pue, 1, 100},
                                {"dollars per kWh", machine.usd_per_kwh, 0, 1e6},
                                {"dollars of colocation a month", machine.colocation_usd_per_month, 0, kMostUsd}});
  if (!checked) return error(checked);
  MonthlyCost out;
  out.amortisation_usd = machines * machine.purchase_usd / machine.amortisation_months;
  out.power_usd = machines * machine.watts / 1000 * machine.pue * machine.usd_per_kwh * kHoursPerMonth;
  out.colocation_usd = machines * machine.colocation_usd_per_month;
  return out;
}

Result<MonthlyCost> serverless_cost(const CacheLoad& load, const ServerlessRates& rates) {
  if (const auto checked = check_load(load); !checked) return error(checked);
  if (const auto checked = check_rates(rates); !checked) return error(checked);
  const double usd_per_ecpu = rates.usd_per_million_ecpu / kMillion;
  const double further = further_ecpus(load.read_bytes_per_s, load.reads_per_s, rates.bytes_per_ecpu) +
                         further_ecpus(load.written_bytes_per_s, load.writes_per_s, rates.bytes_per_ecpu);
  MonthlyCost out;
  out.rent_usd = std::max(load.stored_bytes, rates.minimum_bytes) / kGb * rates.usd_per_gb_hour * kHoursPerMonth;
  out.requests_usd = (load.reads_per_s + load.writes_per_s) * usd_per_ecpu * kSecondsPerMonth;
  out.bytes_usd = further * usd_per_ecpu * kSecondsPerMonth;
  return out;
}

Result<MonthlyCost> local_cost(double stored_bytes, double usd_per_gb_hour) {
  const auto checked = check_figures("local store", {{"stored bytes", stored_bytes, 0, kMostBytes},
                                                     {"dollars per GB-hour", usd_per_gb_hour, 0, kMostUsd}});
  if (!checked) return error(checked);
  MonthlyCost out;
  out.rent_usd = stored_bytes / kGb * usd_per_gb_hour * kHoursPerMonth;
  return out;
}

Result<MonthlyCost> platform_cost(double usd_per_month) {
  const auto checked = check_figures("platform", {{"dollars per month", usd_per_month, 0, kMostUsd}});
  if (!checked) return error(checked);
  MonthlyCost out;
  out.rent_usd = usd_per_month;
  return out;
}

Result<MonthlyCost> cross_zone_cost(const CacheLoad& load, double usd_per_gb) {
  if (const auto checked = check_load(load); !checked) return error(checked);
  if (const auto checked = check_figures("zones", {{"dollars per GB", usd_per_gb, 0, kMostUsd}}); !checked) {
    return error(checked);
  }
  const double engines = (load.read_bytes_per_s + load.written_bytes_per_s) * load.cross_zone_share;
  const double replicas = load.written_bytes_per_s * load.replicas * load.replica_cross_zone_share;
  MonthlyCost out;
  out.cross_zone_usd = (engines + replicas) / kGb * usd_per_gb * kSecondsPerMonth;
  return out;
}

Result<double> serverless_usd_per_gb(const ServerlessRates& rates, double bytes_per_request) {
  if (const auto checked = check_rates(rates); !checked) return error(checked);
  const auto checked = check_figures("serverless", {{"bytes per request", bytes_per_request, 1, kMostBytes}});
  if (!checked) return error(checked);
  const double ecpus = std::max(bytes_per_request / rates.bytes_per_ecpu, 1.0);
  return ecpus / bytes_per_request * kGb * rates.usd_per_million_ecpu / kMillion;
}

}  // namespace kv
