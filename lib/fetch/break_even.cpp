#include "fetch/break_even.hpp"

#include <algorithm>
#include <cmath>

namespace kv {
namespace {

constexpr double kLongest = 9e9;  // seconds that still fit a Duration: 285 years

Duration bounded(double s) { return from_seconds(std::clamp(s, 0.0, kLongest)); }

double bytes(Bytes n) { return static_cast<double>(n.count()); }

/// 0 bytes take no time at any rate.
double taking(double amount, double per_s) { return amount > 0 ? amount / per_s : 0; }

/// What is left of a fetch without its transfer.
struct Coding {
  double decode_s, upload_s;
};

Coding coding(const FetchEngine& engine, const FetchCost& cost, Tokens prefix) {
  return {taking(bytes(engine.geometry->moved_prefix(prefix)), cost.decode_bytes_per_s),
          taking(bytes(engine.geometry->uploaded_prefix(prefix)), cost.upload_bytes_per_s * engine.gpus())};
}

double stored_bytes(const FetchEngine& engine, const FetchCost& cost, Tokens prefix) {
  return bytes(engine.geometry->moved_prefix(prefix)) * cost.stored_per_payload;
}

}  // namespace

Duration fetch_time(const FetchEngine& engine, const FetchCost& cost, Tokens prefix) {
  if (prefix == Tokens(0)) return Duration(0);
  const double transfer_s = taking(stored_bytes(engine, cost, prefix), cost.bytes_per_s);
  const Coding rest = coding(engine, cost, prefix);
  const double moving_s = cost.overlapped ? std::max({transfer_s, rest.decode_s, rest.upload_s})
                                          : transfer_s + rest.decode_s + rest.upload_s;
  return bounded(seconds(cost.latency) + moving_s);
}

Duration recompute_time(const Prefill& prefill, Tokens prefix, Tokens behind) {
  if (prefix == Tokens(0)) return Duration(0);
  const Duration all = prefill.cost(Tokens(0), prefix + behind);
  if (behind == Tokens(0)) return all;
  return std::max(all - prefill.cost(prefix, behind), Duration(0));
}

std::optional<Tokens> break_even_prefix(const FetchEngine& engine, const FetchCost& cost, Tokens behind, Tokens limit) {
  const Tokens block = engine.geometry->block_size();
  std::optional<Tokens> shortest;
  for (std::uint64_t blocks = limit / block; blocks > 0; --blocks) {
    const Tokens prefix = blocks * block;
    if (fetch_time(engine, cost, prefix) >= recompute_time(*engine.prefill, prefix, behind)) break;
    shortest = prefix;
  }
  return shortest;
}

std::optional<NeededBandwidth> bandwidth_needed(const FetchEngine& engine, const FetchCost& cost, Tokens prefix,
                                                Tokens behind) {
  const double stored = stored_bytes(engine, cost, prefix);
  if (stored <= 0) return std::nullopt;
  const Coding rest = coding(engine, cost, prefix);
  const double left_s = seconds(recompute_time(*engine.prefill, prefix, behind)) - seconds(cost.latency);
  const double transfer_s = cost.overlapped ? left_s : left_s - rest.decode_s - rest.upload_s;
  const bool coded_too_late = std::max(rest.decode_s, rest.upload_s) > left_s;
  if (transfer_s <= 0 || coded_too_late) return std::nullopt;
  const double per_engine = stored / transfer_s;
  return NeededBandwidth{per_engine, per_engine / engine.gpus()};
}

Duration saved_gpu_time(const FetchEngine& engine, Duration recomputation) {
  return bounded(seconds(recomputation) * engine.tp);
}

Duration decode_lost_gpu_time(const FetchEngine& engine, Bytes uploaded) {
  return bounded(taking(bytes(uploaded), engine.hbm_bytes_per_s));
}

}  // namespace kv
