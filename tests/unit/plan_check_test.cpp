// A plan from tokens to payback, done again as one would in a spreadsheet: nothing here calls what it checks.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "plan/cost.hpp"
#include "plan/nodes.hpp"
#include "plan/rent.hpp"
#include "plan/roi.hpp"
#include "plan/size.hpp"
#include "price/price_file.hpp"
#include "support/given_prefill.hpp"

using namespace kv;

namespace {

bool agrees(double got, double want) {
  CAPTURE(got);
  CAPTURE(want);
  return std::abs(got - want) <= 1e-3 * std::abs(want) + 1e-9;
}

/// Inputs of one plan, as a user would write them down.
struct Inputs {
  double tokens, bytes_per_token, ratio, block, chunk, fragmentation, fork, traffic, shared;
  double reads, writes, ops, top, squares;
  double node_gb, nic_gb, node_ops, node_usd, zone_share, zone_usd;
  unsigned replicas, spare, gpus_per_instance, committed;
  double utilisation, gpu_usd, prefill, decode, saved, hours, hour_usd, growth, monthly_tokens;
  bool redis;
};

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  double in(double low, double high) { return low + (high - low) * random_.uniform(); }
  double wide(double low, double high) { return low * std::pow(high / low, random_.uniform()); }
  unsigned whole(unsigned low, unsigned high) { return low + static_cast<unsigned>(random_.below(high - low + 1)); }

 private:
  Random random_;
};

Inputs draw(std::uint64_t seed) {
  Draw d(seed);
  Inputs x{};
  x.tokens = d.wide(1e6, 1e9), x.bytes_per_token = d.wide(3e4, 5e5), x.ratio = d.in(0.2, 1.2);
  x.block = d.whole(1, 64) * 16, x.chunk = d.wide(2e5, 8e6);
  x.fragmentation = d.in(0, 0.3), x.fork = d.in(0, 0.5), x.traffic = d.wide(0.5, 8), x.shared = d.in(0, 1);
  x.reads = d.wide(1e6, 1e11), x.writes = d.wide(1e6, 1e11), x.ops = d.wide(10, 1e6);
  x.top = d.in(0, 0.01), x.squares = x.top * x.top + d.in(0, 1e-3);
  x.node_gb = d.wide(10, 500), x.nic_gb = d.wide(0.1, 12), x.node_ops = d.wide(1e3, 1e5), x.node_usd = d.wide(0.1, 10);
  x.zone_share = d.in(0, 1), x.zone_usd = d.in(0, 0.05);
  x.replicas = d.whole(0, 1), x.spare = d.whole(0, 2), x.gpus_per_instance = 1U << d.whole(0, 3);
  x.committed = d.whole(0, 40), x.utilisation = d.in(0.3, 1), x.gpu_usd = d.in(1, 8);
  x.prefill = d.wide(1, 400), x.decode = d.wide(1, 400), x.saved = d.in(0, 0.9);
  x.hours = d.in(0, 300), x.hour_usd = d.in(50, 200), x.growth = d.in(-0.05, 0.15),
  x.monthly_tokens = d.wide(1e9, 1e13);
  x.redis = d.whole(0, 1) == 1;
  return x;
}

/// What comes out, by either way.
struct Figures {
  double held = 0, memory = 0, nodes = 0, cache_usd = 0, saving_usd = 0, payback_days = -1, net_usd = 0,
         per_million = 0;
};

Figures by_library(const Inputs& x) {
  SizeQuestion s;
  s.tokens = x.tokens, s.payload_bytes_per_token = x.bytes_per_token, s.stored_per_payload = x.ratio;
  s.tokens_per_block = x.block, s.most_value_bytes = x.chunk, s.fragmentation = x.fragmentation;
  s.fork_share = x.fork, s.replicas = x.replicas, s.traffic = x.traffic, s.shared_share = x.shared;
  s.store = *find_value_store(x.redis ? "redis" : "dragonfly");
  const SizeAnswer size = *size_of(s);
  NodeDemand d;
  d.memory_bytes = size.memory_bytes, d.read_bytes_per_s = x.reads, d.written_bytes_per_s = x.writes;
  d.ops_per_s = x.ops, d.replicas = x.replicas, d.spare = x.spare, d.bytes = {1e6, x.top, x.squares};
  const NodesAnswer nodes = *nodes_for(d, {x.node_gb * 1e9, x.nic_gb * 1e9, std::nullopt, x.node_ops});
  Figures out{size.held_bytes, size.memory_bytes};
  if (!nodes.machines) return out;
  out.nodes = static_cast<double>(*nodes.machines);
  CacheLoad load{size.held_bytes, x.reads, x.writes, x.ops, 0, x.zone_share, x.replicas, x.zone_share};
  MonthlyCost cost = *rented_cost(out.nodes, x.node_usd);
  cost += *cross_zone_cost(load, x.zone_usd);
  out.cache_usd = cost.total();
  RoiQuestion r;
  r.fleet = {x.gpus_per_instance, x.utilisation, x.gpu_usd, x.committed};
  r.baseline = {x.prefill, x.decode}, r.cached = {x.prefill * (1 - x.saved), x.decode};
  r.cache_usd_per_month = out.cache_usd, r.one_off_usd = x.hours * x.hour_usd;
  r.growth_per_month = x.growth, r.tokens_per_month = x.monthly_tokens;
  const Roi roi = *return_on_investment(r);
  out.saving_usd = roi.monthly_saving_usd(), out.net_usd = roi.net_12_months_usd;
  out.payback_days = roi.payback_days.value_or(-1), out.per_million = *roi.cached_usd_per_million_tokens;
  return out;
}

double held_value(double bytes, bool redis) {
  if (!redis) return bytes + 64;
  const double wanted = bytes + 10;
  for (double group = 128;; group *= 2) {  // 160, 192, 224, 256; 320 ...
    for (int quarter = 1; quarter <= 4; ++quarter) {
      if (group * (1 + quarter / 4.0) >= wanted) return group * (1 + quarter / 4.0) + 56;
    }
  }
}

double spreadsheet_nodes(const Inputs& x, double memory) {
  const double out = x.reads + x.replicas * x.writes, wire = out > x.writes ? out : x.writes;
  double most = 1;
  const double needs[] = {memory / (x.node_gb * 1e9), wire / (x.nic_gb * 1e9), x.ops / x.node_ops};
  for (int i = 0; i < 3; ++i) {
    double n = 1;
    for (; n <= 16384; ++n) {
      const double top = x.top + (1 - x.top) / n,
                   many = 1 / n + std::sqrt(2 * std::log(n) * x.squares / n * (1 - 1 / n));
      double share = i == 0 ? 1 / n : (top > many ? top : many);
      if (share > 1 || n == 1) share = 1;
      if (needs[i] * share <= 1) break;
    }
    if (i > 0 && x.replicas == 0) n += x.spare;
    if (n > 16384) return 0;
    if (n > most) most = n;
  }
  return most * (1 + x.replicas);
}

Figures by_hand(const Inputs& x) {
  Figures out;
  const double tokens = x.tokens * x.shared + x.tokens * (1 - x.shared) * x.traffic, blocks = tokens / x.block;
  double left = x.block * x.bytes_per_token * x.ratio;
  while (left >= 1) {
    const double piece = left > x.chunk ? x.chunk : left;
    out.held += blocks * held_value(piece, x.redis);
    left -= piece;
  }
  out.memory = out.held * (1 + x.fragmentation) * (1 + x.fork) / (x.redis ? 1 : 0.8);
  out.nodes = spreadsheet_nodes(x, out.memory);
  if (out.nodes == 0) return out;
  const double moved_gb = (x.reads + x.writes + x.writes * x.replicas) * x.zone_share / 1e9;
  out.cache_usd = out.nodes * x.node_usd * 730 + moved_gb * x.zone_usd * 730 * 3600;
  const double instance = x.gpus_per_instance * x.utilisation, bill = x.gpus_per_instance * x.gpu_usd * 730;
  const auto billed = [&](double gpus) {
    double n = std::ceil(gpus / instance - 1e-9);
    if (n < 1) n = 1;
    return bill * (n > x.committed ? n : x.committed);
  };
  double left_usd = x.hours * x.hour_usd, grown = 1;
  out.net_usd = -left_usd;
  for (int month = 0; month < 120; ++month, grown *= 1 + x.growth) {
    const double with = billed((x.prefill * (1 - x.saved) + x.decode) * grown) + out.cache_usd * grown;
    const double saving = billed((x.prefill + x.decode) * grown) - with;
    if (month == 0) out.saving_usd = saving, out.per_million = with / (x.monthly_tokens / 1e6);
    if (month < 12) out.net_usd += saving;
    if (out.payback_days < 0 && saving > 0 && saving >= left_usd) {
      out.payback_days = (month + (left_usd > 0 ? left_usd / saving : 0)) * 365 / 12;
    }
    left_usd -= saving;
    if (left_usd > 0) out.payback_days = -1;
  }
  return out;
}

}  // namespace

TEST_SUITE("plan: by hand") {
  TEST_CASE("a hundred random plans agree within a thousandth, from tokens to payback") {
    int paid = 0, not_to_be_had = 0, lost = 0;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
      CAPTURE(seed);
      const Inputs x = draw(seed);
      const Figures got = by_library(x), want = by_hand(x);
      CHECK(agrees(got.held, want.held));
      CHECK(agrees(got.memory, want.memory));
      CHECK(got.nodes == want.nodes);
      CHECK(agrees(got.cache_usd, want.cache_usd));
      CHECK(agrees(got.saving_usd, want.saving_usd));
      CHECK(agrees(got.net_usd, want.net_usd));
      CHECK(agrees(got.payback_days, want.payback_days));
      CHECK(agrees(got.per_million, want.per_million));
      paid += want.payback_days >= 0;
      lost += want.saving_usd < 0;
      not_to_be_had += want.nodes == 0;
    }
    CHECK(paid >= 10);  // the plans are not all of one kind
    CHECK(lost >= 10);
    CHECK(not_to_be_had >= 1);
  }

  TEST_CASE("check vectors: the rent trap and the serverless trap do not pay, whatever integration costs") {
    const auto prices = default_prices();
    REQUIRE(prices.has_value());
    // The trap's trace: an hour of it saves 0.54 H100-hours, of a fleet that is as large as you like.
    RoiQuestion q;
    q.fleet = {1, 1, 2.95, 0};
    q.baseline = {10.54, 10};
    q.cached = {10, 10};
    q.cache_usd_per_month = rented_cost(289, 0.873)->total();
    Roi roi = *return_on_investment(q);
    CHECK_FALSE(roi.pays());
    CHECK_FALSE(roi.payback_days.has_value());
    CHECK(roi.net_12_months_usd < -2e6);
    // Serverless: 60 M tokens an hour read, 1.67 times as many written, of Llama-3.1-8B; no rent at all.
    CacheLoad load;
    load.read_bytes_per_s = 60e6 / 3600 * 131'072;
    load.written_bytes_per_s = load.read_bytes_per_s * 1.67;
    const ServerlessPrice& valkey = prices->serverless.front();
    q.cache_usd_per_month = serverless_cost(load, {0, valkey.usd_per_million_ecpu.typical, 1024, 0})->total();
    roi = *return_on_investment(q);
    CHECK_FALSE(roi.pays());
    CHECK_FALSE(roi.payback_days.has_value());
  }

  TEST_CASE("the rent rule by hand, on a hundred random tiers") {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
      CAPTURE(seed);
      Draw d(seed);
      const double params = d.wide(1e9, 1e12), layers = d.whole(10, 120), heads = d.whole(8, 128), gpus = d.whole(1, 8);
      const double gpu_usd = d.in(1, 8), stored = d.wide(1e5, 1e9), gb_hour = d.wide(1e-4, 0.2), read = d.in(0, 1e-4);
      const std::uint64_t before = d.whole(0, 100) * 512;
      const GivenPrefill prefill = flops_prefill(params, layers, heads, 128);
      RentQuestion q;
      q.prefill = &prefill;
      q.gpus = gpus, q.gpu_usd_per_hour = gpu_usd, q.stored_bytes_per_block = stored;
      const std::vector<ReuseBin> reuses{{1, Tokens(before), 1}};
      q.reuses = reuses;
      const auto answer = rent_answer(q, {"t", gb_hour, read, 0});
      REQUIRE(answer.has_value());
      const double tokens = static_cast<double>(before);
      const double flops = 2 * params * 512 + 4 * layers * heads * 128 * 512 * (tokens + 256);
      const double usd = flops / (0.45 * 989e12) / 3600 * gpus * gpu_usd;
      CHECK(agrees(answer->recompute_usd_per_block, usd));
      const double left = usd - stored / 1e9 * read;
      CHECK(agrees(*answer->breakeven_reuse_s, left > 0 ? left / (stored / 1e9 * gb_hour / 3600) : 0));
    }
  }
}
