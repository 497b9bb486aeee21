#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "plan/emit.hpp"
#include "support/private_redis.hpp"
#include "support/temp_directory.hpp"

using namespace kv;

// What kvplan --emit writes is what a real server takes, setting by setting.

namespace {

EmitQuestion question(const std::string& kind, double memory_bytes) {
  EmitQuestion q;
  q.kind = kind;
  q.machine = "r7g.2xlarge";
  q.memory_bytes = memory_bytes;
  q.machines = 6;
  q.replicas = kind == "redis" ? 0 : 1;
  q.vcpus = 4;
  q.largest_value_bytes = 262144;
  q.connections = 600;
  q.ttl_s = 3600;
  q.model = "llama-3.1-8b";
  return q;
}

/// The server's file of a plan, in `directory`.
std::string written(const EmitQuestion& q, const test::TempDirectory& directory) {
  const auto files = emit_configuration(q);
  REQUIRE(files);
  std::string path = directory / files->front().name;
  std::ofstream(path) << files->front().text;
  return path;
}

/// Its settings, name and value.
std::vector<std::pair<std::string, std::string>> settings_of(const std::string& path) {
  std::vector<std::pair<std::string, std::string>> out;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t blank = line.find(' ');
    out.emplace_back(line.substr(0, blank), line.substr(blank + 1));
  }
  return out;
}

/// What the file must undo stands in front of it, what only a test wants behind it.
std::vector<std::string> around(const std::string& path) {
  return {"save 900 1", "appendonly yes", "maxmemory 1gb", "maxmemory-policy noeviction", "include " + path, "port 0"};
}

std::string said(const test::PrivateRedis& server, const std::string& name) {
  const auto reply = server.ask({"CONFIG", "GET", name});
  REQUIRE(reply.items.size() == 2);
  return reply.items[1];
}

}  // namespace

TEST_SUITE("redis emitted configuration") {
  TEST_CASE("a server starts with it and says every setting back") {
    if (!test::have_redis()) return;
    for (const char* kind : {"redis", "redis-cluster", "valkey", "own-servers"}) {
      CAPTURE(kind);
      const test::TempDirectory directory;
      const std::string path = written(question(kind, 64.0 * 1024 * 1024 * 1024), directory);
      const test::PrivateRedis server(around(path));
      CHECK(said(server, "maxmemory") == "65283502899");
      CHECK(said(server, "maxmemory-policy") == "allkeys-lru");
      CHECK(said(server, "save").empty());
      const std::string limits = said(server, "client-output-buffer-limit");
      for (const auto& setting : settings_of(path)) {
        const std::string& name = setting.first;
        std::string value = setting.second;
        CAPTURE(name);
        if (name == "port" || name == "maxclients") continue;  // ours; as many as files may be open
        if (name == "save") continue;
        if (name != "client-output-buffer-limit") {
          CHECK(said(server, name) == value);
          continue;
        }
        // Redis calls replicas by their old name.
        if (value.starts_with("replica ")) value = "slave " + value.substr(8);
        CHECK(limits.find(value) != std::string::npos);
      }
    }
  }

  TEST_CASE("full, it evicts and goes on storing") {
    if (!test::have_redis()) return;
    const test::TempDirectory directory;
    const test::PrivateRedis server(around(written(question("redis", 16.0 * 1024 * 1024), directory)));
    const std::string value(262000, 'v');
    for (int i = 0; i < 100; ++i) {
      CHECK(server.ask({"SET", "block" + std::to_string(i), value}).text == "OK");
    }
    CHECK(server.ask({"EXISTS", "block99"}).integer == 1);
    CHECK(server.ask({"DBSIZE"}).integer < 60);  // 14.4 MiB hold 55 of them
  }
}
