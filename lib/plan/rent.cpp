#include "plan/rent.hpp"

#include <algorithm>

#include "curve/curve.hpp"
#include "plan/checks.hpp"

namespace kv {
namespace {

constexpr double kGb = 1e9, kHour_s = 3600;
constexpr double kMostUsd = 1e12, kMostBytes = 1e21, kMostCount = 1e15, kMostSeconds = 1e12;
constexpr double kLongest_s = 1e15;  // rents next to nothing still give a number

Result<void> check_tier(const RentTier& tier) {
  return check_figures(tier.name, {{"dollars per GB-hour", tier.usd_per_gb_hour, 0, kMostUsd},
                                   {"dollars per GB read", tier.usd_per_gb_read, 0, kMostUsd},
                                   {"dollars per GB written", tier.usd_per_gb_written, 0, kMostUsd}});
}

Result<void> check_question(const RentQuestion& q) {
  if (q.prefill == nullptr || q.block_size == Tokens(0) || q.behind == Tokens(0)) {
    return error(Code::bad_input, "rent: needs prefill times, and blocks and prompts of a token at least");
  }
  auto checked = check_figures("rent", {{"GPUs of an engine", q.gpus, 0, 1e6},
                                        {"dollars per GPU-hour", q.gpu_usd_per_hour, 0, kMostUsd},
                                        {"stored bytes of a block", q.stored_bytes_per_block, 0, kMostBytes},
                                        {"last uses", q.last_uses, 0, kMostCount}});
  if (!checked) return checked;
  for (const ReuseBin& bin : q.reuses) {
    auto good = check_figures("rent", {{"a reuse's interval in seconds", bin.interval_s, 0, kMostSeconds},
                                       {"a count of reuses", bin.reuses, 0, kMostCount}});
    if (!good) return good;
  }
  return {};
}

double rent_usd_per_s(double stored_bytes, const RentTier& tier) {
  return stored_bytes / kGb * tier.usd_per_gb_hour / kHour_s;
}

double read_usd(double stored_bytes, const RentTier& tier) { return stored_bytes / kGb * tier.usd_per_gb_read; }

double recompute_usd(const RentQuestion& q, Tokens before) {
  return block_recompute_s(*q.prefill, before, q.block_size, q.behind) * q.gpus * q.gpu_usd_per_hour / kHour_s;
}

/// A bin with what one of its reuses is worth.
struct PricedBin {
  ReuseBin bin;
  double recompute_usd = 0;
};

/// Net dollars grow only where a reuse comes in, so the best TTL is the interval of one. `bins` ascend in intervals.
/// Blocks that are not used again within a TTL pay for all of it.
std::optional<BestTtl> best_ttl(const RentQuestion& q, const RentTier& tier, std::span<const PricedBin> bins) {
  const double rent = rent_usd_per_s(q.stored_bytes_per_block, tier), read = read_usd(q.stored_bytes_per_block, tier);
  double outside = q.last_uses;
  for (const PricedBin& b : bins) outside += b.bin.reuses;
  BestTtl so_far;
  double held_s = 0;
  std::optional<BestTtl> best;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    const PricedBin& b = bins[i];
    so_far.reuses += b.bin.reuses;
    so_far.saved_usd += b.bin.reuses * (b.recompute_usd - read);
    held_s += b.bin.reuses * b.bin.interval_s;
    outside -= b.bin.reuses;
    if (i + 1 < bins.size() && bins[i + 1].bin.interval_s == b.bin.interval_s) continue;
    so_far.ttl_s = b.bin.interval_s;
    so_far.rent_usd = rent * (held_s + std::max(outside, 0.0) * so_far.ttl_s);
    const double net = so_far.saved_usd - so_far.rent_usd;
    // Reuses within the clock's step need no keeping.
    if (so_far.ttl_s > 0 && net > 0 && (!best || net > best->saved_usd - best->rent_usd)) best = so_far;
  }
  return best;
}

CapacityChoice priced(const CapacityPoint& point, const RentTier& tier) {
  return {point, point.stored_bytes / kGb * tier.usd_per_gb_hour,
          (point.read_bytes_per_hour * tier.usd_per_gb_read + point.written_bytes_per_hour * tier.usd_per_gb_written) /
              kGb};
}

/// Between the points a straight line, from an empty cache that serves nothing.
std::optional<double> bytes_for(std::span<const CapacityPoint> points, double target) {
  double bytes = 0, rate = 0;
  for (const CapacityPoint& point : points) {
    if (point.token_hit_rate >= target) {
      const double rise = point.token_hit_rate - rate;
      return rise > 0 ? bytes + (point.stored_bytes - bytes) * std::max(target - rate, 0.0) / rise : bytes;
    }
    bytes = point.stored_bytes;
    rate = point.token_hit_rate;
  }
  return std::nullopt;
}

Result<void> check_points(std::span<const CapacityPoint> points) {
  double last = -1;
  for (const CapacityPoint& p : points) {
    auto checked = check_figures("curve", {{"stored bytes", p.stored_bytes, 0, kMostBytes},
                                           {"a token hit rate", p.token_hit_rate, 0, 1},
                                           {"dollars saved an hour", p.saved_usd_per_hour, 0, kMostUsd},
                                           {"bytes read an hour", p.read_bytes_per_hour, 0, kMostBytes},
                                           {"bytes written an hour", p.written_bytes_per_hour, 0, kMostBytes}});
    if (!checked) return checked;
    if (p.stored_bytes <= last) return error(Code::bad_input, "curve: sizes must ascend");
    last = p.stored_bytes;
  }
  return {};
}

}  // namespace

double node_usd_per_gb_hour(double usd_per_hour, double usable_bytes) {
  return usable_bytes > 0 ? usd_per_hour / (usable_bytes / kGb) : 0;
}

double block_recompute_s(const Prefill& prefill, Tokens before, Tokens block, Tokens behind) {
  const Duration missed = prefill.cost(before, block + behind), hit = prefill.cost(before + block, behind);
  return std::max(seconds(missed) - seconds(hit), 0.0);
}

std::optional<double> breakeven_reuse_s(const BlockWorth& block, const RentTier& tier) {
  const double left = block.recompute_usd - read_usd(block.stored_bytes, tier);
  if (left <= 0) return 0;
  const double rent = rent_usd_per_s(block.stored_bytes, tier);
  if (rent <= 0) return std::nullopt;
  return left < rent * kLongest_s ? left / rent : kLongest_s;
}

Result<RentAnswer> rent_answer(const RentQuestion& q, const RentTier& tier) {
  if (const auto checked = check_tier(tier); !checked) return error(checked);
  if (const auto checked = check_question(q); !checked) return error(checked);
  const auto breakeven = [&](double recompute) {
    return breakeven_reuse_s({recompute, q.stored_bytes_per_block}, tier);
  };
  std::vector<PricedBin> bins;
  double reuses = 0, usd = 0, inside = 0;
  Tokens deepest;
  for (const ReuseBin& bin : q.reuses) {
    if (bin.reuses <= 0) continue;
    bins.push_back({bin, recompute_usd(q, bin.before)});
    reuses += bin.reuses;
    usd += bin.reuses * bins.back().recompute_usd;
    const auto limit = breakeven(bins.back().recompute_usd);
    if (!limit || bin.interval_s <= *limit) inside += bin.reuses;
    deepest = std::max(deepest, bin.before);
  }
  std::sort(bins.begin(), bins.end(),
            [](const PricedBin& a, const PricedBin& b) { return a.bin.interval_s < b.bin.interval_s; });
  RentAnswer out;
  out.tier = tier.name;
  out.recompute_usd_per_block = reuses > 0 ? usd / reuses : recompute_usd(q, Tokens(0));
  out.rent_usd_per_block_hour = rent_usd_per_s(q.stored_bytes_per_block, tier) * kHour_s;
  out.breakeven_reuse_s = breakeven(out.recompute_usd_per_block);
  out.breakeven_first_block_s = breakeven(recompute_usd(q, Tokens(0)));
  out.breakeven_deepest_s = breakeven(recompute_usd(q, deepest));
  if (reuses > 0) out.share_inside = std::min(inside / reuses, 1.0);
  out.ttl = best_ttl(q, tier, bins);
  return out;
}

Result<CapacityAdvice> advise_capacity(std::span<const CapacityPoint> points, const RentTier& tier, double target) {
  if (const auto checked = check_tier(tier); !checked) return error(checked);
  if (const auto checked = check_points(points); !checked) return error(checked);
  if (auto checked = check_figures("curve", {{"the target hit rate", target, 0, 1}}); !checked) {
    return error(checked);
  }
  CapacityAdvice out;
  std::vector<double> bytes, rates;
  for (const CapacityPoint& point : points) {
    const CapacityChoice choice = priced(point, tier);
    if (choice.net_usd_per_hour() > 0 && (!out.best || choice.net_usd_per_hour() > out.best->net_usd_per_hour())) {
      out.best = choice;
    }
    bytes.push_back(point.stored_bytes);
    rates.push_back(point.token_hit_rate);
  }
  out.target_bytes = bytes_for(points, target);
  const auto knees = find_knees(bytes, rates);
  if (!knees.empty()) out.knee = priced(points[knees.front()], tier);
  if (!points.empty()) out.fullest = priced(points.back(), tier);
  return out;
}

}  // namespace kv
