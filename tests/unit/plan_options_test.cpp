#include "plan/options.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <string>

#include "support/near.hpp"

using namespace kv;
using test::same;

namespace {

const char* const kPrices = R"(date = 2026-05-20
[common]
cross_zone_usd_per_gb = 0.01
effort_usd_per_hour = { low = 50, typical = 100, high = 200 }
source = "s"
[[node]]
name = "small"
service = "self-managed"
memory = "100GB"
usd_per_hour = { low = 0.5, typical = 1, high = 2 }
nic = "1GB/s"
vcpus = 8
source = "s"
[[node]]
name = "large"
service = "self-managed"
memory = "1000GB"
reserved_share = 0.2
usd_per_hour = 5
nic = "10GB/s"
vcpus = 64
source = "s"
verified = false
[[node]]
name = "service"
service = "managed"
memory = "200GB"
reserved_share = 0.25
usd_per_hour = 3
nic = "1GB/s"
vcpus = 8
source = "s"
[[serverless]]
name = "dear"
usd_per_gb_hour = 0.2
usd_per_million_ecpu = 0.004
source = "s"
[[serverless]]
name = "cheap"
usd_per_gb_hour = 0.1
usd_per_million_ecpu = 0.002
bytes_per_ecpu = "1KB"
source = "s"
[[server]]
name = "own"
memory = "500GB"
purchase_usd = 7200
amortisation_months = 36
watts = 500
pue = 1.2
usd_per_kwh = 0.1
colocation_usd_per_month = 50
nic = "10GB/s"
vcpus = 64
source = "s"
[[local]]
name = "memory"
kind = "host-memory"
capacity_per_gpu = "10GB"
read_per_gpu = "30GB/s"
usd_per_gb_hour = 0.001
source = "s"
[[local]]
name = "drive"
kind = "nvme"
capacity_per_gpu = "100GB"
read_per_gpu = "6GB/s"
source = "s"
[[platform]]
name = "platform"
usd_per_month = 50000
source = "s"
[[effort]]
name = "redis"
hours = 16
source = "s"
[[effort]]
name = "redis-cluster"
hours = 40
source = "s"
)";

struct Bench {
  PriceFile prices;
  OptionsQuestion q;

  explicit Bench(const std::string& text = kPrices) : prices(*parse_prices(text, "p.toml")) {
    q.prices = &prices;
    q.size.tokens = 1e7;  // 800 GB in blocks of 41 MB
    q.size.payload_bytes_per_token = 80'000;
    q.size.fragmentation = 0;
    q.demand.read_bytes_per_s = 2e9;
    q.load.read_bytes_per_s = 1e9;
    q.load.written_bytes_per_s = 0.5e9;
    q.load.reads_per_s = 1000;
    q.load.writes_per_s = 500;
    q.gpus = 8;
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  CacheOption option(CacheKind kind) const {
    const auto options = cache_options(q);
    if (!options) FAIL(options.error().message);
    for (const CacheOption& option : *options) {
      if (option.row->kind == kind) return option;
    }
    FAIL("no such kind");
    return {};
  }
};

}  // namespace

TEST_SUITE("plan: options") {
  TEST_CASE("every kind is planned, in the order of its row") {
    const Bench b;
    const auto options = cache_options(b.q);
    REQUIRE(options.has_value());
    REQUIRE(options->size() == cache_kinds().size());
    for (std::size_t i = 0; i < options->size(); ++i) {
      CHECK((*options)[i].row == &cache_kinds()[i]);
      CHECK((*options)[i].cost.has_value() == (*options)[i].trouble.empty());
      CHECK(find_value_store((*options)[i].row->store).has_value());
    }
  }

  TEST_CASE("rented machines: the cheapest kind of machine that is enough") {
    Bench b;
    // 19,531.25 blocks of 40,960,000 bytes: jemalloc's class is 40 MiB, 41,943,040, and 56 beside: 819 GB. Of the small
    // ones 9, whose fullest holds 1/9 + sqrt(2 ln 9 x 8/81 / 19,531) of it, 95 GB; of the large ones 2, but 3 at least.
    CacheOption cluster = b.option(CacheKind::redis_cluster);
    CHECK(same(cluster.size.held_bytes, 1e7 / 512 * (41'943'040 + 56)));
    CHECK(cluster.on == "small");
    CHECK(cluster.verified);
    CHECK(cluster.nodes->primaries == 9);
    CHECK(cluster.nodes->binding == NodeConstraint::memory);
    CHECK(same(cluster.cost->total(), 9 * 730.0));
    CHECK(same(b.option(CacheKind::valkey).cost->total(), 9 * 730.0));
    b.q.node = "large";
    cluster = b.option(CacheKind::redis_cluster);
    CHECK(cluster.on == "large");
    CHECK_FALSE(cluster.verified);
    CHECK(cluster.nodes->primaries == 3);
    CHECK(cluster.nodes->binding == NodeConstraint::fewest);
    CHECK(same(cluster.cost->total(), 15 * 730.0));
    b.q.node.clear();
    b.q.price_level = 1;  // the small ones at 2 dollars
    CHECK(b.option(CacheKind::redis_cluster).on == "large");
    b.q.price_level = 0;
    CHECK(same(b.option(CacheKind::redis_cluster).cost->total(), 4.5 * 730));
  }

  TEST_CASE("Dragonfly rounds nothing up, and needs a fifth of its memory free") {
    const Bench b;
    const CacheOption option = b.option(CacheKind::dragonfly);
    CHECK(same(option.size.memory_bytes, 1e7 / 512 * (40'960'000 + 64) / 0.8));
    CHECK(option.on == "large");
    CHECK(option.nodes->primaries == 2);
    CHECK(same(option.cost->total(), 10 * 730.0));
  }

  TEST_CASE("one server: none is large enough, then one is; it has nobody to spare") {
    Bench b;
    CacheOption redis = b.option(CacheKind::redis);
    CHECK_FALSE(redis.cost.has_value());
    CHECK(redis.trouble.find("one ") == 0);
    CHECK(redis.trouble.find("memory binds") != std::string::npos);
    b.q.size.tokens = 9e6;  // 737 GB
    redis = b.option(CacheKind::redis);
    REQUIRE(redis.cost.has_value());
    CHECK(redis.on == "large");
    CHECK(redis.nodes->machines == 1);
    CHECK(same(redis.cost->total(), 5 * 730.0));
    b.q.demand.read_bytes_per_s = 11e9;
    CHECK(b.option(CacheKind::redis).trouble.find("bandwidth binds") != std::string::npos);
  }

  TEST_CASE("managed nodes, machines of one's own, and replicas") {
    Bench b;
    CHECK(same(b.option(CacheKind::managed).cost->total(), 6 * 3 * 730.0));  // of 150 GB each
    const CacheOption own = b.option(CacheKind::own_servers);
    CHECK(own.on == "own");
    CHECK(own.nodes->primaries == 3);
    CHECK(same(own.cost->amortisation_usd, 600));
    CHECK(same(own.cost->power_usd, 3 * 0.5 * 1.2 * 0.1 * 730));
    CHECK(same(own.cost->colocation_usd, 150));
    b.q.demand.replicas = 1;
    CHECK(same(b.option(CacheKind::managed).cost->total(), 12 * 3 * 730.0));
    b.q.managed_node = "large";
    CHECK(b.option(CacheKind::managed).on == "large");
  }

  TEST_CASE("serverless: the cheaper store, for bytes kept and bytes moved") {
    const Bench b;
    const CacheOption option = b.option(CacheKind::serverless);
    CHECK(option.on == "cheap");
    CHECK_FALSE(option.nodes.has_value());
    CHECK(same(option.cost->rent_usd, 800 * 0.1 * 730));
    CHECK(same(option.cost->requests_usd, 1500 * 0.002e-6 * 2'628'000));
    CHECK(same(option.cost->bytes_usd, (1e6 - 1000 + 0.5e6 - 500) * 0.002e-6 * 2'628'000));
  }

  TEST_CASE("what the GPU machines have: as much as there is room for") {
    Bench b;
    CacheOption memory = b.option(CacheKind::host_memory);
    CHECK(same(memory.kept_share, 0.1));
    CHECK(same(memory.cost->total(), 80 * 0.001 * 730));
    CHECK(same(memory.link_used, 2.0 / (30 * 8)));
    CHECK(b.option(CacheKind::local_nvme).kept_share == 1);
    CHECK(same(b.option(CacheKind::local_nvme).link_used, 2.0 / (6 * 8)));
    CHECK(b.option(CacheKind::local_nvme).cost->total() == 0);
    b.q.gpus = 40;
    memory = b.option(CacheKind::host_memory);
    CHECK(same(memory.kept_share, 0.5));
    b.q.gpus = 160;
    memory = b.option(CacheKind::host_memory);
    CHECK(memory.kept_share == 1);
    CHECK(same(memory.cost->total(), 800 * 0.001 * 730));
  }

  TEST_CASE("zones are paid for by what the network carries, not by what stays in the machine") {
    Bench b;
    b.q.load.cross_zone_share = 0.5;
    const double zones = 1.5 * 0.5 * 0.01 * 2'628'000;
    CHECK(same(b.option(CacheKind::redis_cluster).cost->cross_zone_usd, zones));
    CHECK(same(b.option(CacheKind::serverless).cost->cross_zone_usd, zones));
    CHECK(same(b.option(CacheKind::own_servers).cost->cross_zone_usd, zones));
    CHECK(b.option(CacheKind::host_memory).cost->cross_zone_usd == 0);
  }

  TEST_CASE("effort: the option's hours, or all of the integration") {
    Bench b;
    CHECK(b.option(CacheKind::redis).setup_hours == 16);
    CHECK(b.option(CacheKind::redis).one_off_usd == 1600);
    CHECK(b.option(CacheKind::redis_cluster).one_off_usd == 4000);
    CHECK(b.option(CacheKind::vendor_platform).one_off_usd == 0);
    b.q.effort_level = 1;
    CHECK(b.option(CacheKind::redis).one_off_usd == 3200);
    const Bench all(std::string(kPrices) + "[[effort]]\nname = \"integration\"\nhours = 120\nsource = \"s\"\n");
    CHECK(all.option(CacheKind::redis).one_off_usd == 12'000);
    CHECK(all.option(CacheKind::redis).setup_hours == 16);
  }

  TEST_CASE("a kind that the file has nothing for says what is missing") {
    const std::string text(kPrices);
    const Bench b(text.substr(0, text.find("[[node]]")));
    for (const CacheKindRow& row : cache_kinds()) {
      CAPTURE(row.name);
      const CacheOption option = b.option(row.kind);
      CHECK_FALSE(option.cost.has_value());
      CHECK(option.trouble.find("the price file has no") == 0);
    }
  }

  TEST_CASE("names that the file lacks, and figures that are none") {
    Bench b;
    const auto refused = [&](const std::string& message) {
      const auto options = cache_options(b.q);
      REQUIRE_FALSE(options.has_value());
      CHECK_MESSAGE(options.error().message.find(message) != std::string::npos, options.error().message);
    };
    b.q.node = "smal";
    refused("no price of the node 'smal'");
    b.q.node.clear();
    b.q.managed_node = "x";
    refused("no price of the node 'x'");
    b.q.managed_node.clear();
    b.q.server = "x";
    refused("no price of the server 'x'");
    b.q.server = "own";
    b.q.price_level = 1.5;
    refused("the price level must be from 0 to 1");
    b.q.price_level = 0.5;
    b.q.size.tokens = -1;
    refused("size: tokens");
    b.q.size.tokens = 1;
    b.q.prices = nullptr;
    refused("needs prices");
  }

  TEST_CASE("the built-in prices give every kind but the single server a price for the conversation trace") {
    const PriceFile prices = *default_prices();
    OptionsQuestion q;
    q.prices = &prices;
    q.size.tokens = 182'790.0 * 512;
    q.size.payload_bytes_per_token = 131'072;
    q.size.most_value_bytes = 1020 * 1024;
    q.demand.read_bytes_per_s = q.load.read_bytes_per_s = 2e9;
    q.demand.written_bytes_per_s = q.load.written_bytes_per_s = 3.34e9;
    q.gpus = 64;
    const auto options = cache_options(q);
    REQUIRE(options.has_value());
    for (const CacheOption& option : *options) {
      CAPTURE(option.row->name);
      CHECK(option.cost.has_value() == (option.row->kind != CacheKind::redis));
      if (option.row->kind == CacheKind::managed) CHECK(option.cost->total() > 150'000);
    }
  }

  TEST_CASE("laws: dearer prices never make an option cheaper") {
    CHECK(rc::check([] {
      Bench b;
      b.q.size.tokens = *rc::gen::inRange(1, 100'000'000);
      b.q.demand.read_bytes_per_s = *rc::gen::inRange(0, 100) * 1e8;
      b.q.price_level = *rc::gen::inRange(0, 100) / 100.0;
      const auto low = *cache_options(b.q);
      b.q.price_level += (1 - b.q.price_level) * *rc::gen::inRange(0, 101) / 100.0;
      const auto high = *cache_options(b.q);
      for (std::size_t i = 0; i < low.size(); ++i) {
        RC_ASSERT(low[i].cost.has_value() == high[i].cost.has_value());
        if (!low[i].cost) continue;
        RC_ASSERT(std::isfinite(low[i].cost->total()) && low[i].cost->total() >= 0);
        RC_ASSERT(high[i].cost->total() >= low[i].cost->total() * (1 - 1e-12));
      }
    }));
  }
}
