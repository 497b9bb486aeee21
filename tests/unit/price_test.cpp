#include "price/price_file.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>

#include "model/model.hpp"
#include "support/source_dir.hpp"
#include "support/temp_directory.hpp"

using namespace kv;

namespace {

const std::string kHead =
    "date = 2026-05-20\n[common]\ncross_zone_usd_per_gb = 0.01\neffort_usd_per_hour = 100\nsource = \"s\"\n";
const std::string kGpu = "[[gpu]]\nname = \"g\"\nusd_per_hour = 2\nsource = \"s\"\n";
const std::string kNode =
    "[[node]]\nname = \"n\"\nservice = \"managed\"\nmemory = \"8GiB\"\nusd_per_hour = 1\nnic = \"8Gbps\"\nvcpus = 4\n"
    "source = \"s\"\n";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

void fails(const std::string& text, const std::string& message, const std::string& hint = "") {
  CAPTURE(text);
  const auto read = parse_prices(text, "p.toml");
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().code == Code::bad_input);
  CHECK_MESSAGE(read.error().message.find(message) != std::string::npos, read.error().message);
  CHECK_MESSAGE(read.error().hint.find(hint) != std::string::npos, read.error().hint);
}

PriceFile parsed(const std::string& text) {
  auto read = parse_prices(text, "p.toml");
  if (!read) FAIL(read.error().message);
  return *read;
}

constexpr std::chrono::sys_days day(int year, unsigned month, unsigned of_month) {
  return std::chrono::sys_days(
      std::chrono::year_month_day(std::chrono::year(year), std::chrono::month(month), std::chrono::day(of_month)));
}

}  // namespace

TEST_SUITE("price") {
  TEST_CASE("the built-in prices are the catalogue's, dated, each with its source") {
    const auto prices = default_prices();
    REQUIRE_MESSAGE(prices.has_value(), prices.error().message);
    CHECK(format_date(prices->date) == "2026-05-20");
    const GpuPrice& h100 = **find_price(*prices, prices->gpus, "h100", "GPU");
    CHECK(h100.usd_per_hour.low == 2.50);
    CHECK(h100.usd_per_hour.typical == 2.95);
    CHECK(h100.usd_per_hour.high == 5.00);
    CHECK(h100.verified);
    const NodePrice& node = **find_price(*prices, prices->nodes, "cache.r7g.2xlarge", "node");
    CHECK(node.usd_per_hour.typical == 0.873);
    CHECK(node.usable_bytes() == doctest::Approx(52.8 * 1024 * 1024 * 1024 * 0.75).epsilon(1e-9));
    CHECK(node.nic_bytes_per_s == doctest::Approx(3.75e9 / 8));
    CHECK(node.nic_burst_bytes_per_s == doctest::Approx(15e9 / 8));
    CHECK(node.nic_bytes_per_s_per_flow == doctest::Approx(5e9 / 8));
    CHECK_FALSE(node.verified);
    const ServerlessPrice& valkey = **find_price(*prices, prices->serverless, "serverless-valkey", "store");
    CHECK(valkey.usd_per_gb_hour.typical == 0.084);
    CHECK(valkey.usd_per_million_ecpu.typical == 0.0023);
    CHECK(valkey.bytes_per_ecpu == Bytes(1024));
    const ServerlessPrice& redis = **find_price(*prices, prices->serverless, "serverless-redis", "store");
    CHECK(redis.usd_per_gb_hour.typical == 0.125);
    CHECK(redis.usd_per_million_ecpu.typical == 0.0034);
    CHECK(prices->common.cross_zone_usd_per_gb.typical == 0.01);
    for (const LocalPrice& local : prices->locals) CHECK(local.usd_per_gb_hour.high == 0);
    CHECK((*find_price(*prices, prices->efforts, "integration", "option"))->hours.typical == 120);
    CHECK((*find_price(*prices, prices->platforms, "vendor-platform", "platform"))->usd_per_month.low == 50'000);
  }

  TEST_CASE("a range is low, typical, high, and straight lines between") {
    const Uncertain range{1, 2, 6};
    CHECK(range.at(0) == 1);
    CHECK(range.at(0.25) == 1.5);
    CHECK(range.at(kTypical) == 2);
    CHECK(range.at(0.75) == 4);
    CHECK(range.at(1) == 6);
  }

  TEST_CASE("every GPU of the catalogue has a price") {
    const auto prices = default_prices();
    REQUIRE(prices.has_value());
    for (const Gpu& gpu : gpus()) CHECK_MESSAGE(find_price(*prices, prices->gpus, gpu.name, "GPU"), gpu.name);
  }

  TEST_CASE("what is compiled in is the file of the repository") {
    std::ifstream in(test::source_dir() + "/lib/price/default_prices.toml", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    CHECK(text == default_price_text());
    const auto read = read_prices(test::source_dir() + "/lib/price/default_prices.toml");
    REQUIRE(read.has_value());
    CHECK(read->nodes.size() == default_prices()->nodes.size());
  }

  TEST_CASE("every key is read into its own member") {
    const PriceFile p = parsed(
        kHead +
        replaced(kGpu, "usd_per_hour = 2",
                 "usd_per_hour = {low=1,typical=2,high=3}\ncommitted_usd_per_hour = 1.5\nverified = false") +
        replaced(kNode, "memory = \"8GiB\"",
                 "memory = \"10GB\"\nreserved_share = 0.2\nnic_burst = \"2GB/s\"\nnic_per_flow = \"600MB/s\"") +
        "[[serverless]]\nname = \"v\"\nusd_per_gb_hour = 0.1\nusd_per_million_ecpu = 0.2\nbytes_per_ecpu = "
        "\"1KB\"\nminimum = "
        "\"2GB\"\nsource = \"s\"\n"
        "[[server]]\nname = \"m\"\nmemory = \"100GB\"\nreserved_share = 0.5\npurchase_usd = 7\namortisation_months = "
        "9\nwatts = "
        "11\npue = 1.2\nusd_per_kwh = 0.3\ncolocation_usd_per_month = 13\nnic = \"1GB/s\"\nvcpus = 15\nsource = \"s\"\n"
        "[[local]]\nname = \"l\"\nkind = \"nvme\"\ncapacity_per_gpu = \"17GB\"\nread_per_gpu = "
        "\"3GB/s\"\nusd_per_gb_hour = "
        "0.4\nsource = \"s\"\n"
        "[[platform]]\nname = \"x\"\nusd_per_month = 19\nsource = \"s\"\n"
        "[[effort]]\nname = \"e\"\nhours = 21\nsource = \"s\"\n");
    CHECK(p.gpus[0].usd_per_hour.low == 1);
    CHECK(p.gpus[0].usd_per_hour.typical == 2);
    CHECK(p.gpus[0].usd_per_hour.high == 3);
    CHECK(p.gpus[0].committed_usd_per_hour->high == 1.5);
    CHECK_FALSE(p.gpus[0].verified);
    CHECK(p.nodes[0].service == NodeService::managed);
    CHECK(p.nodes[0].usable_bytes() == doctest::Approx(8e9));
    CHECK(p.nodes[0].nic_bytes_per_s == 1e9);
    CHECK(p.nodes[0].nic_burst_bytes_per_s == 2e9);
    CHECK(p.nodes[0].nic_bytes_per_s_per_flow == 600e6);
    CHECK(p.nodes[0].vcpus == 4);
    CHECK(p.serverless[0].usd_per_gb_hour.typical == 0.1);
    CHECK(p.serverless[0].usd_per_million_ecpu.typical == 0.2);
    CHECK(p.serverless[0].bytes_per_ecpu == Bytes(1000));
    CHECK(p.serverless[0].minimum == Bytes(2'000'000'000));
    CHECK(p.servers[0].usable_bytes() == doctest::Approx(50e9));
    CHECK(p.servers[0].purchase_usd.typical == 7);
    CHECK(p.servers[0].amortisation_months == 9);
    CHECK(p.servers[0].watts == 11);
    CHECK(p.servers[0].pue == 1.2);
    CHECK(p.servers[0].usd_per_kwh == 0.3);
    CHECK(p.servers[0].colocation_usd_per_month == 13);
    CHECK(p.servers[0].nic_bytes_per_s == 1e9);
    CHECK(p.servers[0].vcpus == 15);
    CHECK(p.locals[0].kind == LocalKind::nvme);
    CHECK(p.locals[0].capacity_per_gpu == Bytes(17'000'000'000));
    CHECK(p.locals[0].bytes_per_s_per_gpu == 3e9);
    CHECK(p.locals[0].usd_per_gb_hour.typical == 0.4);
    CHECK(p.platforms[0].usd_per_month.typical == 19);
    CHECK(p.efforts[0].hours.typical == 21);
    CHECK(p.common.effort_usd_per_hour.typical == 100);
  }

  TEST_CASE("a key that nobody knows suggests the nearest, with its line") {
    fails(kHead + replaced(kGpu, "usd_per_hour", "usd_per_huor"), "p.toml:8: gpu[1].usd_per_huor: there is no such key",
          "did you mean 'usd_per_hour'?");
    fails(kHead + replaced(kGpu, "[[gpu]]", "[[gpus]]"), "gpus: there is no such key", "did you mean 'gpu'?");
    fails(kHead + replaced(kNode, "\"managed\"", "\"manged\""), "p.toml:8: node[1].service: must be \"managed\" or");
    const auto read = default_prices();
    const auto missing = find_price(*read, read->gpus, "h10", "GPU");
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().message == "the built-in prices: no price of the GPU 'h10'");
    CHECK(missing.error().hint.find("did you mean h100?") == 0);
  }

  TEST_CASE("figures without bounds, units or sense are refused") {
    fails(kHead + replaced(kNode, "8GiB", "8Gibibytes"), "p.toml:9: node[1].memory: '8Gibibytes' is not a size",
          "64KiB");
    fails(kHead + replaced(kNode, "\"8GiB\"", "8"), "node[1].memory: must be a size with its unit");
    fails(kHead + replaced(kNode, "8GiB", "0GiB"), "node[1].memory: must be a size from");
    fails(kHead + replaced(kNode, "8GiB", "-8GiB"), "is not a size");
    fails(kHead + replaced(kNode, "8GiB", "9999999TiB"), "node[1].memory");
    fails(kHead + replaced(kNode, "8Gbps", "8"), "p.toml:11: node[1].nic: '8' is not a rate", "25Gbps");
    fails(kHead + replaced(kNode, "8Gbps", "9999TB/s"), "node[1].nic: must be a rate from");
    fails(kHead + replaced(kNode, "\"8Gbps\"", "8e9"), "node[1].nic: must be a rate with its unit");
    for (const char* bad : {"-1", "nan", "inf", "-inf", "2e9", "\"2\"", "[1]", "true"}) {
      fails(kHead + replaced(kGpu, "hour = 2", fmt::format("hour = {}", bad)),
            "p.toml:8: gpu[1].usd_per_hour: must be a number from 0 to 1000000000");
    }
    fails(kHead + replaced(kGpu, "= 2", "= {low = 3, typical = 2, high = 4}"), "must not fall, but are 3, 2 and 4");
    fails(kHead + replaced(kGpu, "= 2", "= {low = 1, typical = 5, high = 4}"), "must not fall");
    fails(kHead + replaced(kGpu, "= 2", "= {low = 1, high = 4}"), "the key typical is missing");
    fails(kHead + replaced(kNode, "vcpus = 4", "vcpus = 0"),
          "node[1].vcpus: must be a number from 1 to 4096, but is 0");
    fails(kHead + replaced(kNode, "vcpus = 4", "vcpus = 4\nreserved_share = 1"),
          "reserved_share: must be a number from 0 to 0.95");
  }

  TEST_CASE("two entries of one name, and what must be there") {
    fails(kHead + kGpu + kGpu, "p.toml:10: gpu[2]: a second 'g'; the first is in line 6", "change one");
    fails(kHead + replaced(kGpu, "source = \"s\"\n", ""), "gpu[1]: the key source is missing",
          "where the figures were read");
    fails(kHead + replaced(kGpu, "name = \"g\"\n", ""), "the key name is missing");
    fails(replaced(kHead, "date = 2026-05-20\n", "") + kGpu, "the key date is missing", "date = 2026-05-20");
    fails("date = 2026-05-20\n" + kGpu, "the table [common] is missing");
    fails(replaced(kHead, "effort_usd_per_hour = 100\n", ""), "the key effort_usd_per_hour is missing");
    CHECK(parsed(kHead).gpus.empty());
  }

  TEST_CASE("a date is a day of the calendar, with quotes or without") {
    CHECK(format_date(parsed(replaced(kHead, "2026-05-20", "\"2024-02-29\"")).date) == "2024-02-29");
    CHECK(parsed(replaced(kHead, "2026-05-20", "2026-01-31")).date == day(2026, 1, 31));
    for (const char* bad : {"\"2026-02-29\"", "\"2026-2-9\"", "\"yesterday\"", "20260520", "\"1999-12-31\"",
                            "\"2026-05-2x\"", "\"2026-00-10\"", "\"2026-13-10\"", "\"+026-05-20\""}) {
      fails(replaced(kHead, "2026-05-20", bad), "date: must be a date");
    }
    fails(replaced(kHead, "2026-05-20", "2026-05-20T10:00:00"), "is a date or time");
    fails(replaced(kHead, "2026-05-20", "2026-02-30"), "p.toml:1");
  }

  TEST_CASE("old prices are told from half a year on, and so are prices of a day to come") {
    PriceFile prices = parsed(kHead);
    const auto told = [&](std::chrono::sys_days today) { return price_date_warning(prices, today).value_or(""); };
    CHECK(told(day(2026, 5, 20)).empty());
    CHECK(told(day(2026, 11, 16)).empty());  // 180 days: 11 + 30 + 31 + 31 + 30 + 31 + 16
    CHECK(told(day(2026, 11, 17)) ==
          "p.toml: prices of 2026-05-20 are more than 180 days old; check them, and say --prices FILE");
    CHECK(told(day(2026, 5, 19)) == "p.toml is dated 2026-05-20, a day to come");
    prices.date = day(2026, 5, 19);
    CHECK_FALSE(told(day(2026, 11, 16)).empty());
  }

  TEST_CASE("a file that is not there, or none of this kind") {
    const auto missing = read_prices("/nonexistent/prices.toml");
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().message.find("/nonexistent/prices.toml: cannot be read: ") == 0);
    fails("{}", "p.toml:1: not TOML", "a price file is TOML");
    fails("", "the key date is missing");
    fails(std::string(2 << 20, '#'), "a price file of more than 1.0 MiB");
    fails("[[component]]\n", "component: there is no such key", "known here: date, common");
  }

  TEST_CASE("help shows every key that a file may have") {
    const auto rows = price_keys();
    const auto has = [&](const std::string& table, const std::string& key) {
      return std::any_of(rows.begin(), rows.end(),
                         [&](const PriceKeyRow& row) { return row.table == table && row.key == key; });
    };
    CHECK(has("", "date"));
    CHECK(has("common", "cross_zone_usd_per_gb"));
    CHECK(has("gpu", "source"));
    CHECK(has("node", "nic_per_flow"));
    CHECK(has("serverless", "bytes_per_ecpu"));
    CHECK(has("server", "pue"));
    CHECK(has("local", "read_per_gpu"));
    CHECK(has("platform", "usd_per_month"));
    CHECK(has("effort", "hours"));
    for (const PriceKeyRow& row : rows) CHECK_FALSE(row.summary.empty());
  }
}
