#include "support/private_redis.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace kv::test {
namespace {

std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) throw std::runtime_error("bind");
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

}  // namespace

bool have_redis() {
  if (std::system("command -v redis-server >/dev/null 2>&1") == 0) return true;
  if (std::getenv("CI") != nullptr) {
    FAIL("CI must have redis-server");
  }
  std::puts("SKIPPED: no redis-server here (apt-get install redis-server)");
  return false;
}

PrivateRedis::PrivateRedis(std::vector<std::string> config, const Certificates* tls)
    : directory_("/tmp/kvkit-test-XXXXXX"), port_(free_port()) {
  if (mkdtemp(directory_.data()) == nullptr) throw std::runtime_error("mkdtemp");
  std::ofstream out(directory_ + "/redis.conf");
  out << "save \"\"\nappendonly no\nbind 127.0.0.1\nport " << port_ << "\nunixsocket " << directory_ << "/socket\ndir "
      << directory_ << "\nlogfile " << directory_ << "/log\n";
  if (tls != nullptr) {
    while (tls_port_ == 0 || tls_port_ == port_) tls_port_ = free_port();
    out << "tls-port " << tls_port_ << "\ntls-cert-file " << tls->path("server.pem") << "\ntls-key-file "
        << tls->path("server.key") << "\ntls-ca-cert-file " << tls->path("ca.pem") << "\ntls-auth-clients no\n";
  }
  for (const std::string& line : config) {
    out << line << '\n';
    if (line.rfind("requirepass ", 0) == 0) password = line.substr(12);
  }
  out.close();
  start();
}

PrivateRedis::~PrivateRedis() {
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void PrivateRedis::start() {
  std::array<std::string, 5> words{"setpriv", "--pdeathsig", "KILL", "redis-server", directory_ + "/redis.conf"};
  std::array<char*, 6> argv{};
  for (std::size_t i = 0; i < words.size(); ++i) argv[i] = words[i].data();
  if (posix_spawnp(&pid_, "setpriv", nullptr, nullptr, argv.data(), environ) != 0) throw std::runtime_error("setpriv");
  for (int i = 0; i < 2000; ++i) {
    if (resp::Connection::open(over_unix())) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  throw std::runtime_error("redis-server does not start");
}

void PrivateRedis::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

resp::Endpoint PrivateRedis::over_unix() const {
  resp::Endpoint out;
  out.socket_path = directory_ + "/socket";
  out.password = password;
  return out;
}

resp::Endpoint PrivateRedis::over_tcp() const {
  resp::Endpoint out;
  out.host = "127.0.0.1";
  out.port = port_;
  out.password = password;
  return out;
}

resp::Reply PrivateRedis::ask(std::initializer_list<std::string_view> words) const {
  auto connection = resp::Connection::open(over_unix());
  REQUIRE(connection);
  auto reply = (*connection)->ask(words, std::chrono::steady_clock::now() + std::chrono::seconds(10));
  REQUIRE(reply);
  return *reply;
}

}  // namespace kv::test
