#include <doctest/doctest.h>

#include <array>

#include "base/options.hpp"
#include "base/parse.hpp"
#include "base/random.hpp"
#include "base/rate.hpp"

using namespace kv;

TEST_SUITE("base") {
  TEST_CASE("sizes: binary and decimal units are told apart, nonsense is refused") {
    CHECK(parse_bytes("4096")->count() == 4096);
    CHECK(parse_bytes("64KiB")->count() == 65536);
    CHECK(parse_bytes("1.5GiB")->count() == 1610612736);
    CHECK(parse_bytes("1GB")->count() == 1000000000);
    CHECK(parse_bytes("18446744073709551615")->count() == ~std::uint64_t{0});
    for (const char* bad : {"", "-1", "+1", "1e3", "nan", "inf", "0x10", "GiB", "1 GiB", "1GiBs", "99999999TiB",
                            "1.2.3", "18446744073709551616"}) {
      CAPTURE(bad);
      CHECK_FALSE(parse_bytes(bad).has_value());
    }
  }

  TEST_CASE("durations need a unit") {
    CHECK(parse_duration("250ms")->count() == 250'000'000);
    CHECK(parse_duration("1.5s")->count() == 1'500'000'000);
    CHECK(parse_duration("2d")->count() == 172'800'000'000'000);
    for (const char* bad : {"10", "s", "1y", "-1s", "1e400s", "400000d"}) {
      CAPTURE(bad);
      CHECK_FALSE(parse_duration(bad).has_value());
    }
  }

  TEST_CASE("rates need a unit, of bits or of bytes") {
    CHECK(*parse_rate("25Gbps") == 25e9 / 8);
    CHECK(*parse_rate("100Gb/s") == 100e9 / 8);
    CHECK(*parse_rate("3.2GB/s") == doctest::Approx(3.2e9));
    CHECK(*parse_rate("1GiB/s") == 0x1p30);
    CHECK(*parse_rate("500Mbps") == 62.5e6);
    for (const char* bad :
         {"25", "Gbps", "0Gbps", "-1Gbps", "25gbps", "25 Gbps", "1.2.3GB/s", "1e9B/s", "infGB/s", ""}) {
      CAPTURE(bad);
      CHECK_FALSE(parse_rate(bad).has_value());
    }
  }

  TEST_CASE("shares are between 0 and 1") {
    CHECK(*parse_ratio("25%") == doctest::Approx(0.25));
    CHECK(*parse_ratio("1") == 1.0);
    CHECK_FALSE(parse_ratio("1.01").has_value());
    CHECK_FALSE(parse_ratio("101%").has_value());
    CHECK_FALSE(parse_ratio("nan").has_value());
  }

  TEST_CASE("an error quotes the text without its control characters") {
    CHECK(parse_count("\x1b[31m").error().message == "'?[31m' is not a count");
  }

  TEST_CASE("figures are printed with a unit and three digits") {
    CHECK(format_bytes(Bytes(0)) == "0 B");
    CHECK(format_bytes(1_MiB) == "1.0 MiB");
    CHECK(format_bytes(Bytes(1048575)) == "1.0 MiB");
    CHECK(format_bytes(Bytes(131072)) == "128 KiB");
    CHECK(format_duration(Duration(1'250'000)) == "1.25 ms");
    CHECK(format_count(12031) == "12,031");
    CHECK(format_count(999) == "999");
    CHECK(format_count(1000000) == "1,000,000");
  }

  TEST_CASE("the nearest known word is offered only when it is near") {
    const std::array<std::string, 3> known{"capacity", "policy", "capacity_blocks"};
    CHECK(nearest("capcity", known) == "capacity");
    CHECK(nearest("capacity_block", known) == "capacity_blocks");
    CHECK(nearest("ploicy", known) == "policy");
    CHECK_FALSE(nearest("ttl", known).has_value());
  }

  TEST_CASE("options are checked against their rows") {
    const std::array<OptionRow, 2> rows{OptionRow{"capacity", OptionKind::bytes, "1GiB", ""},
                                        OptionRow{"ttl", OptionKind::duration, "", ""}};
    const auto good = OptionValues::check("local", rows, {{"ttl", "1h"}});
    REQUIRE(good.has_value());
    CHECK(good->bytes("capacity") == 1_GiB);
    CHECK(good->duration("ttl") == std::chrono::hours(1));
    CHECK_FALSE(OptionValues::check("local", rows, {})->has("ttl"));
    CHECK(OptionValues::check("local", rows, {{"capcity", "1"}}).error().hint.find("did you mean 'capacity'") == 0);
    CHECK_FALSE(OptionValues::check("local", rows, {{"ttl", "soon"}}).has_value());
    CHECK_FALSE(OptionValues::check("local", rows, {{"ttl", "1h"}, {"ttl", "2h"}}).has_value());
    CHECK(OptionValues::check("local", rows, {{"ttl", "%31h"}})->duration("ttl") == std::chrono::hours(1));
    CHECK(OptionValues::check("local", rows, {{"ttl", "%zz"}}).error().message.find("'ttl'") != std::string::npos);
  }

  TEST_CASE("a duration that is nothing, or that no clock can be advanced by, is refused and the option named") {
    const std::array<OptionRow, 1> rows{OptionRow{"timeout", OptionKind::duration, "10s", ""}};
    for (const char* good : {"1ns", "365d"}) CHECK(OptionValues::check("redis", rows, {{"timeout", good}}).has_value());
    for (const char* bad : {"0s", "0.4ns", "366d", "106751d", "99999999d"}) {
      CAPTURE(bad);
      const auto refused = OptionValues::check("redis", rows, {{"timeout", bad}});
      REQUIRE_FALSE(refused.has_value());
      CHECK(refused.error().message.find("'timeout'") != std::string::npos);
    }
  }

  TEST_CASE("a query is split, and values are decoded only once their key is known") {
    const auto pairs = parse_query("a=1&b=x%20y%25");
    REQUIRE(pairs.has_value());
    CHECK((*pairs)[1].second == "x%20y%25");
    CHECK(*percent_decode("x%20y%25") == "x y%");
    for (const char* broken : {"%4", "%", "%zz"}) CHECK_FALSE(percent_decode(broken).has_value());
    CHECK(parse_query("")->empty());
    for (const char* bad : {"a", "=1", "a=1&&b=2"}) {
      CAPTURE(bad);
      CHECK_FALSE(parse_query(bad).has_value());
    }
  }

  TEST_CASE("the random sequence is the same on every platform") {
    Random random(42);
    const std::uint64_t first = random.next();
    CHECK(Random(42).next() == first);
    CHECK(mix64(1) == 0x910a2dec89025cc1ULL);  // first output of splitmix64 seeded with 1 (Vigna's reference)
    for (int i = 0; i < 1000; ++i) {
      CHECK(random.below(7) < 7);
      const double u = random.uniform();
      CHECK((u >= 0 && u < 1));
    }
  }
}
