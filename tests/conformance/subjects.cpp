#include "conformance/subjects.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include "backend/registry.hpp"
#include "conformance/laws.hpp"
#include "support/private_redis.hpp"

namespace kv::test {
namespace {

/// How a row of the registry is tried. `spec` may use the server, which runs in the suite redis only.
struct Way {
  std::string scheme;
  Suite suite;
  std::string (*spec)(const PrivateRedis* server, const Certificates* certificates);
  bool remote = false, stores = true;
  std::size_t more_chunks = 0;
};

const Way kWays[] = {
    {"null", Suite::memory, [](const PrivateRedis*, const Certificates*) { return std::string("null:"); }, false,
     false},
    {"local", Suite::memory,
     [](const PrivateRedis*, const Certificates*) { return std::string("local:?capacity=256MiB"); }},
    {"device", Suite::device, [](const PrivateRedis*, const Certificates*) { return std::string("device:"); }},
    {"redis", Suite::redis,
     [](const PrivateRedis* server, const Certificates*) {
       return "redis://127.0.0.1:" + std::to_string(server->over_tcp().port);
     },
     true},
    {"rediss", Suite::redis,
     [](const PrivateRedis* server, const Certificates* certificates) {
       return "rediss://localhost:" + std::to_string(server->tls_port()) + "?ca=" + certificates->path("ca.pem");
     },
     true, true, 40},  // 22 bytes a record of at most 16 KiB, and a few to begin with
    {"redis+unix", Suite::redis,
     [](const PrivateRedis* server, const Certificates*) { return "redis+unix://" + server->over_unix().socket_path; },
     true},
    {"spawn+redis", Suite::redis,
     [](const PrivateRedis*, const Certificates*) { return std::string("spawn+redis:?maxmemory=256MiB"); }, true},
    {"redis+unix", Suite::redis,
     [](const PrivateRedis* server, const Certificates*) {
       // Hundreds of thousands of chunks a batch: under a sanitizer on a busy machine they take longer than 10 s.
       return "redis+unix://" + server->over_unix().socket_path + "?chunk=300&connections=3&timeout=5m";
     },
     true, true, 333},
    {"redis+unix", Suite::redis,
     [](const PrivateRedis* server, const Certificates*) {
       return "redis+unix://" + server->over_unix().socket_path + "?ttl_mode=sliding";
     },
     true},
    {"redis+unix", Suite::redis,
     [](const PrivateRedis* server, const Certificates*) {
       return "redis+unix://" + server->over_unix().socket_path + "?ttl_mode=depth&ttl_halving=1";
     },
     true},
};

}  // namespace

void registered_keep_the_laws(Suite suite) {
  std::optional<Certificates> certificates;
  std::optional<PrivateRedis> server;
  if (suite == Suite::redis) {
    certificates.emplace();
    server.emplace(std::vector<std::string>(), &*certificates);
  }
  for (const BackendRow& row : backends()) {
    const std::string& scheme = row.scheme;
    INFO("backend: " << scheme);
    std::size_t ways = 0;
    for (const Way& way : kWays) {
      if (way.scheme != scheme) continue;
      ++ways;
      if (way.suite != suite) continue;
      const std::string spec = way.spec(server ? &*server : nullptr, certificates ? &*certificates : nullptr);
      INFO("spec: " << spec);
      REQUIRE(parse_backend(spec).value().scheme == scheme);
      const auto empty = [&] {
        if (server) server->ask({"FLUSHALL"});
        return make(spec);
      };
      keeps_the_laws({empty, way.remote, way.stores, way.more_chunks});
    }
    if (ways == 0) FAIL_CHECK("say in tests/conformance/subjects.cpp how to try it");
  }
}

}  // namespace kv::test
