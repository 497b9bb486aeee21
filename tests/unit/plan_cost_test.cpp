#include "plan/cost.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>
#include <string>

#include "price/price_file.hpp"
#include "support/near.hpp"

using namespace kv;
using test::same;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

template <class T>
void refused(const Result<T>& result, const std::string& name) {
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == Code::bad_input);
  CHECK_MESSAGE(result.error().message.find(name) != std::string::npos, result.error().message);
  CHECK_FALSE(result.error().hint.empty());
}

CacheLoad load() {
  CacheLoad l;
  l.stored_bytes = 20e9;
  l.read_bytes_per_s = 8e6;
  l.written_bytes_per_s = 2e6;
  l.reads_per_s = 1000;
  l.writes_per_s = 100;
  return l;
}

constexpr double kMonth_s = 2'628'000;  // 365 x 86,400 / 12

/// One of the check vectors' models: 8,192 tokens on an H100 at 2.95 an hour and 45 % of 989 TFLOP/s.
struct Vector {
  const char* name;
  double params, layers, heads, kv_bytes_per_token;
  double bytes() const { return 8192 * kv_bytes_per_token; }
  double recompute_usd() const {
    const double flops = 2 * params * 8192 + 2 * layers * heads * 128 * 8192.0 * 8192.0;
    return flops / (0.45 * 989e12) * 2.95 / 3600;
  }
};
constexpr Vector k8b{"8b", 8.03e9, 32, 32, 131072}, k70b{"70b", 70.6e9, 80, 64, 327680},
    k405b{"405b", 405.9e9, 126, 128, 516096};

/// As many digits as were published.
bool rounds_to(double got, double published, double digit) {
  CAPTURE(got);
  CAPTURE(published);
  return std::abs(got - published) <= digit / 2 * 1.0001;
}

}  // namespace

TEST_SUITE("plan: cost") {
  TEST_CASE("machines by the hour: 730 of them a month") {
    CHECK(same(rented_cost(3, 0.5)->rent_usd, 3 * 0.5 * 730));
    CHECK(same(rented_cost(6, 0.5)->total(), 2190));
    CHECK(same(rented_cost(3, 2)->total(), 4380));
    CHECK(rented_cost(0, 2)->total() == 0);
    refused(rented_cost(-1, 1), "nodes: machines must be from 0");
    refused(rented_cost(1, kNaN), "dollars per hour");
    refused(rented_cost(kInf, 1), "machines");
  }

  TEST_CASE("machines of one's own: written off, fed and housed") {
    const OwnMachine m{12'000, 48, 500, 1.5, 0.2, 100};
    const auto cost = own_cost(2, m);
    REQUIRE(cost.has_value());
    CHECK(same(cost->amortisation_usd, 2 * 250.0));
    CHECK(same(cost->power_usd, 2 * 0.5 * 1.5 * 0.2 * 730));
    CHECK(same(cost->colocation_usd, 200));
    CHECK(same(cost->total(), 500 + 219 + 200));
    const auto with = [&](auto change) {
      OwnMachine changed = m;
      change(changed);
      return own_cost(2, changed)->total();
    };
    CHECK(same(with([](OwnMachine& x) { x.purchase_usd = 24'000; }), 919 + 500));
    CHECK(same(with([](OwnMachine& x) { x.amortisation_months = 24; }), 919 + 500));
    CHECK(same(with([](OwnMachine& x) { x.watts = 1000; }), 919 + 219));
    CHECK(same(with([](OwnMachine& x) { x.pue = 3; }), 919 + 219));
    CHECK(same(with([](OwnMachine& x) { x.usd_per_kwh = 0.4; }), 919 + 219));
    CHECK(same(with([](OwnMachine& x) { x.colocation_usd_per_month = 200; }), 919 + 200));
    refused(own_cost(1, OwnMachine{1, 0, 0, 1, 0, 0}), "months of amortisation must be from 1");
    refused(own_cost(1, OwnMachine{1, 1, 0, 0.5, 0, 0}), "PUE");
    refused(own_cost(1, OwnMachine{1, 1, kNaN, 1, 0, 0}), "watts");
  }

  TEST_CASE("serverless: bytes kept, requests, and the bytes that a request moves beyond its own ECPU") {
    const ServerlessRates rates{0.1, 0.003, 1000, 0};
    const auto cost = serverless_cost(load(), rates);
    REQUIRE(cost.has_value());
    CHECK(same(cost->rent_usd, 20 * 0.1 * 730));
    // 1,100 requests a second; 8,000 - 1,000 and 2,000 - 100 further ECPUs.
    CHECK(same(cost->requests_usd, 1100 * 0.003e-6 * kMonth_s));
    CHECK(same(cost->bytes_usd, (7000 + 1900) * 0.003e-6 * kMonth_s));
    CHECK(cost->cross_zone_usd == 0);
    const auto with = [&](auto change) {
      CacheLoad l = load();
      ServerlessRates r = rates;
      change(l, r);
      return *serverless_cost(l, r);
    };
    CHECK(same(with([](CacheLoad& l, ServerlessRates&) { l.stored_bytes = 40e9; }).rent_usd, 2920));
    CHECK(same(with([](CacheLoad&, ServerlessRates& r) { r.usd_per_gb_hour = 0.2; }).rent_usd, 2920));
    CHECK(same(with([](CacheLoad&, ServerlessRates& r) { r.minimum_bytes = 100e9; }).rent_usd, 7300));
    CHECK(same(with([](CacheLoad&, ServerlessRates& r) { r.minimum_bytes = 1e9; }).rent_usd, 1460));
    CHECK(same(with([](CacheLoad&, ServerlessRates& r) { r.usd_per_million_ecpu = 0.006; }).requests_usd,
               2 * cost->requests_usd));
    CHECK(same(with([](CacheLoad&, ServerlessRates& r) { r.bytes_per_ecpu = 2000; }).bytes_usd,
               (3000 + 900) * 0.003e-6 * kMonth_s));
    CHECK(same(with([](CacheLoad& l, ServerlessRates&) { l.read_bytes_per_s = 9e6; }).bytes_usd,
               (8000 + 1900) * 0.003e-6 * kMonth_s));
    CHECK(same(with([](CacheLoad& l, ServerlessRates&) { l.written_bytes_per_s = 3e6; }).bytes_usd,
               (7000 + 2900) * 0.003e-6 * kMonth_s));
    // Small requests are billed one each, whatever they move.
    const MonthlyCost small =
        with([](CacheLoad& l, ServerlessRates&) { l.reads_per_s = 10'000, l.writes_per_s = 2100; });
    CHECK(small.bytes_usd == 0);
    CHECK(same(small.requests_usd, 12'100 * 0.003e-6 * kMonth_s));
    refused(serverless_cost(load(), ServerlessRates{0.1, 0.1, 0, 0}), "bytes per ECPU must be from 1");
    refused(serverless_cost(load(), ServerlessRates{-0.1, 0.1, 1, 0}), "dollars per GB-hour");
  }

  TEST_CASE("idle memory costs what other work would pay; a platform what its vendor asks") {
    CHECK(local_cost(1e12, 0)->total() == 0);
    CHECK(same(local_cost(1e12, 0.002)->rent_usd, 1000 * 0.002 * 730));
    CHECK(same(local_cost(2e12, 0.002)->total(), 2920));
    CHECK(platform_cost(50'000)->total() == 50'000);
    refused(local_cost(-1, 0), "stored bytes");
    refused(local_cost(1, -1), "dollars per GB-hour");
    refused(platform_cost(kNaN), "dollars per month");
  }

  TEST_CASE("zones: reads, writes, and what replicas are sent, each by its own share") {
    CacheLoad l = load();
    l.cross_zone_share = 0.5;
    const auto usd = [&](double per_gb = 0.01) { return cross_zone_cost(l, per_gb)->cross_zone_usd; };
    CHECK(same(usd(), 10e-3 * 0.5 * 0.01 * kMonth_s));
    CHECK(same(usd(0.02), 10e-3 * 0.5 * 0.02 * kMonth_s));
    l.replicas = 1;
    CHECK(same(usd(), 10e-3 * 0.5 * 0.01 * kMonth_s));
    l.replica_cross_zone_share = 1;
    CHECK(same(usd(), (5e-3 + 2e-3) * 0.01 * kMonth_s));
    l.replicas = 3;
    CHECK(same(usd(), (5e-3 + 6e-3) * 0.01 * kMonth_s));
    l.read_bytes_per_s = 0;
    CHECK(same(usd(), (1e-3 + 6e-3) * 0.01 * kMonth_s));
    l.cross_zone_share = 0;
    CHECK(same(usd(), 6e-3 * 0.01 * kMonth_s));
    l.cross_zone_share = 1.5;
    refused(cross_zone_cost(l, 0.01), "the share across zones must be from 0 to 1, but is 1.5");
  }

  TEST_CASE("a gigabyte read from a serverless store, by the size of its requests") {
    const ServerlessRates rates{0, 0.0023, 1024, 0};
    CHECK(same(*serverless_usd_per_gb(rates, 1 << 20), 1e9 / 1024 * 0.0023e-6));
    CHECK(same(*serverless_usd_per_gb(rates, 512), 1e9 / 512 * 0.0023e-6));
    CHECK(same(*serverless_usd_per_gb(ServerlessRates{0, 0.0046, 2048, 0}, 1 << 20), 1e9 / 1024 * 0.0023e-6));
    refused(serverless_usd_per_gb(rates, 0), "bytes per request");
  }

  TEST_CASE("costs add up") {
    MonthlyCost sum{1, 2, 3, 4, 5, 6, 7};
    CHECK(sum.total() == 28);
    sum += MonthlyCost{10, 20, 30, 40, 50, 60, 70};
    CHECK(sum.rent_usd == 11);
    CHECK(sum.requests_usd == 22);
    CHECK(sum.bytes_usd == 33);
    CHECK(sum.cross_zone_usd == 44);
    CHECK(sum.amortisation_usd == 55);
    CHECK(sum.power_usd == 66);
    CHECK(sum.colocation_usd == 77);
    CHECK(sum.total() == 308);
  }

  TEST_CASE("check vectors: the serverless trap, reads alone and with the stores of a hit rate of 37.4 %") {
    const auto prices = default_prices();
    REQUIRE(prices.has_value());
    const ServerlessPrice& valkey = **find_price(*prices, prices->serverless, "serverless-valkey", "store");
    const ServerlessRates rates{valkey.usd_per_gb_hour.typical, valkey.usd_per_million_ecpu.typical,
                                static_cast<double>(valkey.bytes_per_ecpu.count()), 0};
    const double per_gb = *serverless_usd_per_gb(rates, 1 << 20);
    CHECK(rounds_to(k8b.bytes() / 1e9, 1.07, 0.01));
    CHECK(rounds_to(k8b.bytes() / 1e9 * per_gb, 0.0024, 0.0001));
    CHECK(rounds_to(k8b.recompute_usd(), 0.00027, 0.00001));
    const double written_per_read = (1 - 0.374) / 0.374;
    CHECK(rounds_to(written_per_read, 1.67, 0.01));
    const auto check = [&](const Vector& v, double reads, double reads_digit, double both, double both_digit) {
      CAPTURE(v.name);
      const double times = v.bytes() / 1e9 * per_gb / v.recompute_usd();
      CHECK(rounds_to(times, reads, reads_digit));
      // The same from a month of one such read a second.
      CacheLoad l;
      l.read_bytes_per_s = v.bytes();
      l.reads_per_s = v.bytes() / (1 << 20);
      const double month = serverless_cost(l, rates)->total();
      CHECK(same(month, times * v.recompute_usd() * kMonth_s));
      l.written_bytes_per_s = l.read_bytes_per_s * 1.67;
      l.writes_per_s = l.reads_per_s * 1.67;
      CHECK(rounds_to(serverless_cost(l, rates)->total() / (v.recompute_usd() * kMonth_s), both, both_digit));
    };
    check(k8b, 8.8, 0.1, 23, 1);
    check(k70b, 2.6, 0.1, 7.0, 0.1);
    check(k405b, 0.74, 0.01, 2.0, 0.1);
  }

  TEST_CASE("check vectors: crossing zones costs 39, 11.7 and 3.3 times as much as recomputing") {
    const auto prices = default_prices();
    REQUIRE(prices.has_value());
    const auto times = [&](const Vector& v) {
      CacheLoad l;
      l.read_bytes_per_s = v.bytes();
      l.cross_zone_share = 1;
      return cross_zone_cost(l, prices->common.cross_zone_usd_per_gb.typical)->total() / (v.recompute_usd() * kMonth_s);
    };
    CHECK(rounds_to(times(k8b), 39, 1));
    CHECK(rounds_to(times(k70b), 11.7, 0.1));
    CHECK(rounds_to(times(k405b), 3.3, 0.1));
  }

  TEST_CASE("check vectors: the rent trap takes about 290 nodes and 250 dollars an hour") {
    const auto prices = default_prices();
    REQUIRE(prices.has_value());
    const NodePrice& node = **find_price(*prices, prices->nodes, "cache.r7g.2xlarge", "node");
    const double nodes = std::ceil(182'790.0 * 512 * 131072 / node.usable_bytes());
    CHECK(rounds_to(nodes, 290, 10));
    CHECK(rounds_to(rented_cost(nodes, node.usd_per_hour.typical)->total() / 730, 250, 10));
  }

  TEST_CASE("laws: more load and higher prices never cost less, and every bill is finite") {
    CHECK(rc::check([] {
      const auto some = [] { return static_cast<double>(*rc::gen::inRange(0, 1'000'000)); };
      CacheLoad l{some() * 1e6, some() * 1e3, some() * 1e3, some(), some(), some() / 1e6, 1, some() / 1e6};
      const ServerlessRates rates{some() / 1e6, some() / 1e6, 1 + some(), some()};
      const double zone = some() / 1e6;
      const auto usd = [&](const CacheLoad& x, const ServerlessRates& r, double per_gb) {
        MonthlyCost cost = *serverless_cost(x, r);
        cost += *cross_zone_cost(x, per_gb);
        return cost.total();
      };
      const double base = usd(l, rates, zone);
      RC_ASSERT(std::isfinite(base) && base >= 0);
      CacheLoad more = l;
      double* const figures[] = {&more.stored_bytes, &more.read_bytes_per_s, &more.written_bytes_per_s,
                                 &more.reads_per_s, &more.writes_per_s};
      *figures[*rc::gen::inRange(0, 5)] += some();
      RC_ASSERT(usd(more, rates, zone) >= base * (1 - 1e-12));
      ServerlessRates dearer = rates;
      dearer.usd_per_gb_hour += some();
      dearer.usd_per_million_ecpu += some();
      RC_ASSERT(usd(l, dearer, zone + some()) >= base);
    }));
  }
}
