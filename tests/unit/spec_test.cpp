#include <doctest/doctest.h>

#include "backend/registry.hpp"

using namespace kv;

namespace {

Error refused(const std::string& text) {
  const auto spec = parse_backend(text);
  INFO(text);
  REQUIRE_FALSE(spec.has_value());
  CHECK(spec.error().code == Code::bad_input);
  CHECK_FALSE(spec.error().hint.empty());
  return spec.error();
}

bool mentions(const std::string& text, std::string_view what) { return text.find(what) != std::string::npos; }

BackendSpec parsed(const std::string& text) {
  const auto spec = parse_backend(text);
  INFO(text << ": " << (spec ? "" : spec.error().message));
  REQUIRE(spec.has_value());
  CHECK(spec->text == text);
  return *spec;
}

}  // namespace

TEST_SUITE("backend spec") {
  TEST_CASE("every row's example parses to its own scheme") {
    for (const BackendRow& row : backends()) {
      CHECK(parsed(row.example).scheme == row.scheme);
      CHECK_FALSE(row.summary.empty());
    }
  }

  TEST_CASE("schemes without an address stand alone or with options") {
    CHECK(parsed("null:").scheme == "null");
    CHECK(parsed("spawn+redis:").options.text("policy") == "allkeys-lru");
    CHECK(parsed("spawn+redis:?maxmemory=8GiB").options.bytes("maxmemory") == 8_GiB);
    CHECK_FALSE(parsed("spawn+redis:").options.has("maxmemory"));
    CHECK(mentions(refused("null:here").message, "?options"));
    CHECK(mentions(refused("null://").message, "?options"));
  }

  TEST_CASE("host, port, user and database are told apart") {
    const BackendSpec whole = parsed("redis://ann%2e@cache-1.example:7000/3?ttl=90s");
    CHECK(whole.user == "ann.");
    CHECK(whole.host == "cache-1.example");
    CHECK(whole.port == 7000);
    CHECK(whole.options.count("db") == 3);
    CHECK(whole.options.duration("ttl") == std::chrono::seconds(90));

    const BackendSpec bare = parsed("redis://localhost");
    CHECK(bare.user.empty());
    CHECK(bare.host == "localhost");
    CHECK(bare.port == 0);
    CHECK(bare.options.count("db") == 0);
    CHECK(bare.options.duration("ttl") == std::chrono::hours(1));
    CHECK(parsed("redis://localhost/").options.count("db") == 0);
  }

  TEST_CASE("an IPv6 address stands in brackets") {
    const BackendSpec spec = parsed("redis://ann@[fe80::1:2]:6380/1");
    CHECK(spec.host == "fe80::1:2");
    CHECK(spec.port == 6380);
    CHECK(spec.user == "ann");
    CHECK(parsed("redis://[::1]").host == "::1");
    for (const char* bad : {"redis://::1", "redis://[::1", "redis://[::1]x", "redis://[::1]:", "redis://[nonsense]",
                            "redis://[]", "redis://[127.0.0.1]"}) {
      refused(bad);
    }
  }

  TEST_CASE("a port is a number between 1 and 65535") {
    CHECK(parsed("redis://h:1").port == 1);
    CHECK(parsed("redis://h:65535").port == 65535);
    for (const char* bad : {"0", "65536", "-1", "+1", "6379x", "", "0x10", "99999999999999999999"}) {
      refused(std::string("redis://h:") + bad);
    }
  }

  TEST_CASE("a socket's path is absolute, decoded and short enough") {
    const BackendSpec spec = parsed("redis+unix:///run/my%20redis.sock?db=2");
    CHECK(spec.path == "/run/my redis.sock");
    CHECK(spec.host.empty());
    CHECK(spec.options.count("db") == 2);
    CHECK(parsed("redis+unix://ann@/run/r.sock").user == "ann");
    CHECK(parsed("redis+unix:///" + std::string(106, 'x')).path.size() == 107);
    CHECK(mentions(refused("redis+unix:///" + std::string(107, 'x')).message, "107"));
    for (const char* bad : {"redis+unix:", "redis+unix://", "redis+unix:///", "redis+unix:/run/r.sock",
                            "redis+unix://run/r.sock", "redis+unix:///run%00/r.sock", "redis+unix:///run/%4"}) {
      refused(bad);
    }
  }

  TEST_CASE("a password is refused and never quoted, wherever it hides") {
    for (const char* text :
         {"redis://ann:s3cret@host", "redis://:s3cret@host:6379/0", "redis://ann:s3/cret@host",
          "redis://ann:s3?cret@host", "redis://ann:s3@cret@host", "redis://ann%3As3cret@host",
          "redis+unix://ann:s3cret@/run/r.sock", "redis://ann:s3cret@host:port?ttl=1x", "redis://ann:s3#cret@"}) {
      const Error error = refused(text);
      CHECK(mentions(error.hint, "KVKIT_REDIS_PASSWORD"));
      for (const std::string& said : {error.message, error.hint}) {
        CHECK_FALSE(mentions(said, "s3"));
        CHECK_FALSE(mentions(said, "cret"));
      }
    }
    const Error unknown = refused("reddis://ann:s3cret@host");
    CHECK_FALSE(mentions(unknown.message + unknown.hint, "s3cret"));
  }

  TEST_CASE("what a slip makes of a password is not quoted either") {
    for (const char* text :
         {"redis://ann:s3cret", "redis://:s3cret", "redis://ann:s3cret/0", "redis://ann:s3cret?ttl=1h",
          "redis://ann:s3?cret", "redis+unix://ann:s3cret/run/r.sock", "spawn+redis://ann:s3cret",
          "spawn+redis://ann:s3cret@host", "redis://host?pasword=s3cret", "redis://host?password=s3%zz",
          "redis://host?s3cret", "redis://host?ttl=1h&s3cret", "redis://s3%zz@host"}) {
      const Error error = refused(text);
      CHECK_FALSE(mentions(error.message + error.hint, "s3"));
      CHECK_FALSE(mentions(error.message + error.hint, "cret"));
    }
    CHECK(mentions(refused("redis://host?password=s3%zz").message, "unknown option 'password'"));
  }

  TEST_CASE("slips are met with the nearest known word") {
    CHECK(mentions(refused("local").hint, "'local:'"));
    CHECK(mentions(refused("null?x=1").hint, "'null:'"));
    CHECK(mentions(refused("redis").hint, "redis://"));
    CHECK(mentions(refused("locl:").hint, "'local:'"));
    CHECK(mentions(refused("redisss://host").hint, "'rediss:'"));
    CHECK(mentions(refused("spawn+reddis:").hint, "'spawn+redis:'"));
    CHECK(mentions(refused("redis://host?tll=1h").hint, "'ttl'"));
    CHECK(mentions(refused("spawn+redis:?max_memory=1GiB").hint, "'maxmemory'"));
    CHECK(mentions(refused("").hint, "null:"));
  }

  TEST_CASE("malformed addresses and options are refused with an example") {
    for (const char* bad :
         {"redis:", "redis:host", "redis:/host", "redis://", "redis:///", "redis://@host", "redis://ho st",
          "redis://h%41st", "redis://host/x", "redis://host/1/2", "redis://host/-1", "redis://host/1?db=1",
          "redis://host?ttl=1", "redis://host?ttl", "redis://host?ttl=1h&ttl=2h", "redis://host?=1",
          "redis://host?ttl=%zz", "redis://host\n", "redis://us%zzer@host"}) {
      INFO(bad);
      const auto spec = parse_backend(bad);
      CHECK_FALSE(spec.has_value());
    }
    refused("redis://" + std::string(256, 'h'));
    refused(std::string(100'000, 'r'));
    refused(std::string("null:\0", 6));
  }

  TEST_CASE("an unknown policy or transport of a private server is refused before anything starts") {
    for (const char* bad :
         {"spawn+redis:?policy=allkeys-lur", "spawn+redis:?transport=udp", "spawn+redis:?maxmemory=1"}) {
      const auto backend = make_backend(parsed(bad));
      REQUIRE_FALSE(backend.has_value());
      CHECK(backend.error().code == Code::bad_input);
    }
    CHECK(mentions(make_backend(parsed("spawn+redis:?policy=allkeys-lur")).error().hint, "'allkeys-lru'"));
  }

  TEST_CASE("a time of nothing, or beyond any clock, is refused before anything starts, and the option named") {
    for (const char* bad : {"redis://host?ttl=0s", "redis://host?timeout=0s", "redis://host?connect_timeout=0s",
                            "redis://host?timeout=106751d", "spawn+redis:?ttl=0s", "spawn+redis:?timeout=0ms"}) {
      const std::string message = refused(bad).message;
      CHECK((mentions(message, "'ttl'") || mentions(message, "timeout'")));
    }
  }
}
