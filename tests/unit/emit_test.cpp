#include <doctest/doctest.h>

#include <limits>
#include <sstream>

#include "plan/emit.hpp"

using namespace kv;

namespace {

constexpr double kGiB = 1024.0 * 1024 * 1024;

EmitQuestion question(const std::string& kind) {
  EmitQuestion q;
  q.kind = kind;
  q.machine = "r7g.2xlarge";
  q.memory_bytes = 57.6 * kGiB;
  q.machines = 6;
  q.vcpus = 8;
  q.largest_value_bytes = 1044480;
  q.connections = 64;
  q.model = "llama-3.1-70b";
  q.tp = 4;
  return q;
}

std::vector<EmittedFile> emitted(const EmitQuestion& q) {
  auto files = emit_configuration(q);
  INFO((files ? "" : files.error().message));
  REQUIRE(files);
  return std::move(*files);
}

std::string file_of(const EmitQuestion& q, const std::string& name) {
  for (const EmittedFile& file : emitted(q)) {
    if (file.name == name) return file.text;
  }
  return {};
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
bool has_line(const std::string& text, const std::string& line) { return has("\n" + text, "\n" + line + "\n"); }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

bool is_setting(const std::string& line) { return !line.empty() && line[0] != '#'; }

}  // namespace

TEST_SUITE("emitted configuration") {
  TEST_CASE("each kind has its server's file, the connector's, and a page that names them") {
    const std::vector<std::pair<std::string, std::string>> servers = {
        {"redis", "redis.conf"},          {"redis-cluster", "redis.conf"},
        {"valkey", "valkey.conf"},        {"own-servers", "redis.conf"},
        {"dragonfly", "dragonfly.flags"}, {"managed", "elasticache-parameters.txt"},
        {"host-memory", "lmcache.yaml"},  {"serverless", "serverless-limits.txt"},
        {"local-nvme", "lmcache.yaml"}};
    CHECK(servers.size() + 1 == cache_kinds().size());  // a platform comes with its own
    for (const auto& server : servers) {
      const std::string &kind = server.first, &name = server.second;
      CAPTURE(kind);
      const std::string page = file_of(question(kind), "README.txt");
      for (const EmittedFile& file : emitted(question(kind))) {
        CHECK((file.name == "README.txt" || has(page, file.name)));
        CHECK(file.text.back() == '\n');
        for (const std::string& line : lines_of(file.text)) CHECK(line.size() <= 120);
      }
      CHECK_FALSE(file_of(question(kind), name).empty());
      CHECK(file_of(question(kind), "vllm-kv-transfer.json") ==
            "{\"kv_connector\":\"LMCacheConnectorV1\",\"kv_role\":\"kv_both\"}\n");
    }
    CHECK(emitted(question("vendor-platform")).size() == 1);
  }

  TEST_CASE("what fragmentation leaves of the memory, as an integer; what is full evicts; nothing goes to disk") {
    const std::string conf = file_of(question("redis"), "redis.conf");
    CHECK(has_line(conf, "maxmemory 58755152609"));  // 57.6 x 2^30 x 0.95 = 58,755,152,609.3
    CHECK(has_line(conf, "maxmemory-policy allkeys-lru"));
    CHECK(has_line(conf, "save \"\""));
    CHECK(has_line(conf, "appendonly no"));
    EmitQuestion half = question("redis");
    half.memory_bytes /= 2;
    CHECK(has_line(file_of(half, "redis.conf"), "maxmemory 29377576304"));
  }

  TEST_CASE("threads follow the cores, buffers the values, connections the plan") {
    for (const auto& [vcpus, threads] : {std::pair{0, 1}, {2, 1}, {4, 3}, {8, 6}, {64, 8}}) {
      EmitQuestion q = question("redis");
      q.vcpus = vcpus;
      CHECK(has_line(file_of(q, "redis.conf"), "io-threads " + std::to_string(threads)));
    }
    EmitQuestion q = question("redis");
    q.largest_value_bytes = 16.0 * 1024 * 1024;
    q.connections = 20000;
    const std::string conf = file_of(q, "redis.conf");
    CHECK(has_line(conf, "client-output-buffer-limit normal 1073741824 536870912 60"));    // 64 values
    CHECK(has_line(conf, "client-output-buffer-limit replica 3092376453 1546188226 60"));  // a twentieth of the memory
    CHECK(has_line(conf, "maxclients 40100"));
    CHECK(has_line(conf, "tcp-backlog 20000"));
    q.memory_bytes = 1 * kGiB;  // an eighth of it is less than 64 values
    CHECK(has_line(file_of(q, "redis.conf"), "client-output-buffer-limit normal 134217728 67108864 60"));
  }

  TEST_CASE("only clusters have slots, only replicas a backlog") {
    for (const char* kind : {"redis-cluster", "own-servers"}) {
      CHECK(has_line(file_of(question(kind), "redis.conf"), "cluster-require-full-coverage no"));
    }
    CHECK(has_line(file_of(question("valkey"), "valkey.conf"), "cluster-enabled yes"));
    CHECK_FALSE(has(file_of(question("redis"), "redis.conf"), "cluster-enabled"));
    EmitQuestion q = question("redis-cluster");
    CHECK_FALSE(has(file_of(q, "redis.conf"), "repl-backlog-size"));
    q.replicas = 1;
    CHECK(has_line(file_of(q, "redis.conf"), "repl-backlog-size 67108864"));
  }

  TEST_CASE("every setting of a server has its reason above it, and none is a password") {
    for (const char* kind : {"redis", "redis-cluster", "valkey", "dragonfly", "managed", "serverless"}) {
      EmitQuestion q = question(kind);
      q.replicas = 1;
      q.ttl_s = 3600;
      std::string before;
      for (const std::string& line : lines_of(emitted(q).front().text)) {
        CAPTURE(line);
        if (is_setting(line)) {
          CHECK((!before.empty() && before[0] == '#'));
          CHECK_FALSE(has(line, "pass"));
        }
        CHECK(line.size() <= 120);
        before = line;
      }
    }
  }

  TEST_CASE("a name cannot leave its comment") {
    EmitQuestion q = question("redis");
    q.model = "x\nrequirepass stolen\r\n";
    q.machine = "y\nport 1";
    q.codec = "z\nsave 1 1";
    for (const EmittedFile& file : emitted(q)) {
      for (const std::string& line : lines_of(file.text)) {
        CHECK_FALSE(line.starts_with("requirepass"));
        CHECK_FALSE(line.starts_with("port 1"));
        CHECK_FALSE(line.starts_with("save 1"));
      }
    }
  }

  TEST_CASE("Dragonfly: cache mode, no snapshots, as many threads as memory allows") {
    EmitQuestion q = question("dragonfly");
    std::string flags = file_of(q, "dragonfly.flags");
    CHECK(has_line(flags, "--maxmemory=58755152609"));
    CHECK(has_line(flags, "--cache_mode=true"));
    CHECK(has_line(flags, "--dbfilename="));
    CHECK(has_line(flags, "--proactor_threads=8"));
    q.memory_bytes = 1 * kGiB;  // 0.95 GiB are 256 MiB for three
    CHECK(has_line(file_of(q, "dragonfly.flags"), "--proactor_threads=3"));
    q.memory_bytes = 0.25 * kGiB;
    CHECK_FALSE(emit_configuration(q));
  }

  TEST_CASE("the connector: the plan's blocks where vLLM can, memory of each rank, the store's kind of address") {
    EmitQuestion q = question("redis");
    CHECK(has_line(file_of(q, "lmcache.yaml"), "chunk_size: 512"));
    q.block_tokens = 600;
    CHECK(has_line(file_of(q, "lmcache.yaml"), "chunk_size: 256"));
    CHECK(has_line(file_of(q, "lmcache.yaml"), "remote_url: \"redis://HOST:6379\""));
    CHECK(has(file_of(question("redis-cluster"), "lmcache.yaml"), "\nremote_url: \"redis-cluster://"));
    CHECK(has_line(file_of(question("valkey"), "lmcache.yaml"), "  valkey_mode: \"cluster\""));
    CHECK(has_line(file_of(question("serverless"), "lmcache.yaml"), "remote_url: \"rediss://HOST:6379\""));
    const std::string host = file_of(question("host-memory"), "lmcache.yaml");
    CHECK(has_line(host, "max_local_cpu_size: 14.4"));  // 57.6 GiB over 4 ranks
    CHECK_FALSE(has(host, "remote_url"));
    CHECK(has_line(file_of(question("local-nvme"), "lmcache.yaml"), "max_local_disk_size: 14.4"));
    q.codec = "int8";
    CHECK(has(file_of(q, "README.txt"), "codec int8"));
  }

  TEST_CASE("what cannot be served is an error that says so") {
    EmitQuestion q = question("redis-clustr");
    auto failed = emit_configuration(q);
    REQUIRE_FALSE(failed);
    CHECK(has(failed.error().hint, "redis-cluster"));
    q = question("redis");
    q.largest_value_bytes = 600.0 * 1024 * 1024;
    failed = emit_configuration(q);
    REQUIRE_FALSE(failed);
    CHECK(has(failed.error().message, "larger than a redis server takes"));
    q.kind = "dragonfly";
    CHECK(emit_configuration(q));
    for (const double bad :
         {-1.0, 0.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
      q = question("redis");
      q.memory_bytes = bad;
      CHECK_FALSE(emit_configuration(q));
    }
  }
}
