#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "backend/resp/private_server.hpp"
#include "backend/resp/server_info.hpp"
#include "conformance/laws.hpp"
#include "support/private_redis.hpp"

using namespace kv;
using resp::PrivateServer;
using resp::PrivateServerOptions;
namespace fs = std::filesystem;

namespace {

PrivateServerOptions small(bool tcp = false) {
  PrivateServerOptions out;
  out.binary = "redis-server";
  out.max_memory = 64_MiB;
  out.tcp = tcp;
  return out;
}

std::unique_ptr<PrivateServer> started(const PrivateServerOptions& options) {
  auto server = PrivateServer::start(options);
  INFO((server ? "" : server.error().message));
  REQUIRE(server.has_value());
  return std::move(*server);
}

resp::Reply ask(const resp::Endpoint& endpoint, std::initializer_list<std::string_view> words) {
  auto connection = resp::Connection::open(endpoint);
  REQUIRE(connection.has_value());
  auto reply = (*connection)->ask(words, std::chrono::steady_clock::now() + std::chrono::seconds(10));
  REQUIRE(reply.has_value());
  return *reply;
}

pid_t pid_of(const resp::Endpoint& endpoint) {
  const auto pid = resp::number_in(resp::parse_info(ask(endpoint, {"INFO", "server"}).text), "process_id");
  REQUIRE(pid.has_value());
  return static_cast<pid_t>(*pid);
}

/// A zombie does not live: who reaps orphans, and when, is the machine's business.
bool lives(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(in, line);
  const std::size_t name_end = line.rfind(')');
  return name_end != std::string::npos && line.compare(name_end, 4, ") Z ") != 0;
}

/// Waits up to 2 s, which is what a user should have to.
template <class Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 400 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return condition();
}

mode_t permissions(const std::string& path) {
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

bool holds_descriptor(pid_t pid, const fs::path& target) {
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    std::error_code gone;
    if (fs::read_symlink(entry, gone) == target) return true;
  }
  return false;
}

}  // namespace

TEST_SUITE("redis private server") {
  TEST_CASE("it lives in a directory of its own, keeps nothing on disk and goes with its object") {
    if (!test::have_redis()) return;
    auto server = started(small());
    const std::string directory = server->directory();
    const pid_t pid = pid_of(server->endpoint());
    CHECK(permissions(directory) == 0700);
    CHECK(permissions(directory + "/redis.conf") == 0600);
    CHECK(ask(server->endpoint(), {"CONFIG", "GET", "maxmemory"}).items[1] == "67108864");
    CHECK(ask(server->endpoint(), {"CONFIG", "GET", "maxmemory-policy"}).items[1] == "allkeys-lru");
    CHECK(ask(server->endpoint(), {"CONFIG", "GET", "save"}).items[1].empty());
    CHECK(ask(server->endpoint(), {"CONFIG", "GET", "appendonly"}).items[1] == "no");
    CHECK(ask(server->endpoint(), {"CONFIG", "GET", "port"}).items[1] == "0");
    CHECK(lives(pid));
    server.reset();
    CHECK_FALSE(lives(pid));
    CHECK_FALSE(fs::exists(directory));
  }

  TEST_CASE("over TCP it listens on loopback only and wants a password that no argument shows") {
    if (!test::have_redis()) return;
    const auto server = started(small(true));
    const resp::Endpoint& endpoint = server->endpoint();
    CHECK(endpoint.host == "127.0.0.1");
    CHECK(endpoint.password.size() == 48);
    CHECK(ask(endpoint, {"CONFIG", "GET", "bind"}).items[1] == "127.0.0.1");
    resp::Endpoint stranger = endpoint;
    stranger.password.clear();
    CHECK(ask(stranger, {"PING"}).kind == resp::Reply::Kind::error);
    std::ifstream in("/proc/" + std::to_string(pid_of(endpoint)) + "/cmdline", std::ios::binary);
    const std::string words{std::istreambuf_iterator<char>(in), {}};
    CHECK(words.find("redis-server") != std::string::npos);
    CHECK(words.find(endpoint.password) == std::string::npos);
  }

  TEST_CASE("several at once do not disturb each other") {
    if (!test::have_redis()) return;
    auto first = started(small()), second = started(small()), third = started(small(true));
    ask(first->endpoint(), {"SET", "k", "1"});
    const std::string gone = first->directory();
    first.reset();
    CHECK_FALSE(fs::exists(gone));
    CHECK(ask(second->endpoint(), {"GET", "k"}).kind == resp::Reply::Kind::nil);
    CHECK(ask(third->endpoint(), {"PING"}).text == "PONG");
  }

  TEST_CASE("when its owner is killed, server and directory go, and none of the owner's streams is held") {
    if (!test::have_redis()) return;
    int report[2];
    REQUIRE(pipe(report) == 0);
    const pid_t owner = fork();
    REQUIRE(owner >= 0);
    if (owner == 0) {
      auto server = PrivateServer::start(small());
      if (!server) _exit(1);
      auto connection = resp::Connection::open((*server)->endpoint());
      const auto info =
          resp::ask_info(**connection, "server", std::chrono::steady_clock::now() + std::chrono::seconds(5));
      const std::string line = info->at("process_id") + " " + (*server)->directory() + "\n";
      if (write(report[1], line.data(), line.size()) < 0) _exit(1);
      pause();
      _exit(0);
    }
    std::string line;
    for (char c = 0; read(report[0], &c, 1) == 1 && c != '\n';) line += c;
    REQUIRE(line.find(' ') != std::string::npos);
    const pid_t pid = std::stoi(line);
    const std::string directory = line.substr(line.find(' ') + 1);
    CHECK(lives(pid));
    CHECK(getsid(pid) != getsid(0));
    CHECK_FALSE(holds_descriptor(pid, fs::read_symlink("/proc/self/fd/" + std::to_string(report[0]))));
    kill(owner, SIGKILL);
    waitpid(owner, nullptr, 0);
    CHECK(soon([&] { return !lives(pid); }));
    CHECK(soon([&] { return !fs::exists(directory); }));
    close(report[0]);
    close(report[1]);
  }

  TEST_CASE("when the server dies first, its keeper still cleans up") {
    if (!test::have_redis()) return;
    auto server = started(small());
    const std::string directory = server->directory();
    kill(pid_of(server->endpoint()), SIGKILL);
    CHECK(soon([&] { return fs::exists(directory + "/ended"); }));
    server.reset();
    CHECK_FALSE(fs::exists(directory));
  }

  TEST_CASE("when the keeper is killed, the server does not stay behind") {
    if (!test::have_redis()) return;
    auto server = started(small());
    const pid_t pid = pid_of(server->endpoint());
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string word;
    pid_t keeper = 0;
    in >> word >> word >> word >> keeper;  // pid (comm) state ppid
    REQUIRE(keeper > 1);
    kill(keeper, SIGKILL);
    CHECK(soon([&] { return !lives(pid); }));
    const std::string directory = server->directory();
    server.reset();
    CHECK_FALSE(fs::exists(directory));
  }

  TEST_CASE("no such program: the error says what to install or name") {
    PrivateServerOptions options = small();
    for (const char* missing : {"no-such-redis-server", "/nowhere/redis-server", "/etc/passwd"}) {
      options.binary = missing;
      const auto server = PrivateServer::start(options);
      REQUIRE_FALSE(server.has_value());
      CHECK(server.error().code == Code::not_installed);
      CHECK(server.error().hint.find("apt-get install redis-server") != std::string::npos);
      CHECK(server.error().hint.find("KVKIT_REDIS_SERVER") != std::string::npos);
    }
  }

  TEST_CASE("a program that is no server, or a configuration that it refuses, is reported with its own words") {
    PrivateServerOptions options = small();
    options.binary = "false";
    CHECK_FALSE(PrivateServer::start(options).has_value());
    if (!test::have_redis()) return;
    options = small();
    options.policy = "nonsense";
    const auto server = PrivateServer::start(options);
    REQUIRE_FALSE(server.has_value());
    CHECK(server.error().message.find("nonsense") != std::string::npos);
  }

  TEST_CASE("a temporary directory too long for a socket is passed over") {
    if (!test::have_redis()) return;
    const char* before = std::getenv("TMPDIR");
    const std::string kept = before == nullptr ? "" : before;
    setenv("TMPDIR", ("/tmp/" + std::string(90, 'x')).c_str(), 1);
    const auto server = PrivateServer::start(small());
    before == nullptr ? unsetenv("TMPDIR") : setenv("TMPDIR", kept.c_str(), 1);
    REQUIRE(server.has_value());
    CHECK((*server)->directory().size() < 40);
  }

  TEST_CASE("the report knows a spawned server") {
    if (!test::have_redis()) return;
    const auto backend = test::make("spawn+redis:?maxmemory=64MiB&policy=volatile-ttl&ttl=1h");
    REQUIRE(backend->start(test::needs(1, 4096)).has_value());
    const ServerInfo info = backend->server();
    CHECK(info.spawned);
    CHECK(info.eviction_policy == "volatile-ttl");
    CHECK(info.persistence == "none");
    CHECK(info.max_memory == 64_MiB);
    CHECK(backend->capabilities().capacity == 64_MiB);
    CHECK(backend->stats()->evictions == 0);
  }
}
