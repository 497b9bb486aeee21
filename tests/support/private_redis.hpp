#pragma once
#include <sys/types.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "backend/resp/connection.hpp"
#include "support/certificates.hpp"

namespace kv::test {

/// Whether there is a redis-server to test with. Where not, prints "SKIPPED: ..." (ctest's sign), or fails under CI.
bool have_redis();

/// A redis-server with a configuration of the test's own, on a unix socket and a loopback port. It can be killed and
/// started again on the same socket.
class PrivateRedis {
 public:
  /// With `tls` it also listens with TLS, with server.pem unless `config` names another tls-cert-file.
  explicit PrivateRedis(std::vector<std::string> config = {}, const Certificates* tls = nullptr);
  ~PrivateRedis();
  PrivateRedis(const PrivateRedis&) = delete;
  PrivateRedis& operator=(const PrivateRedis&) = delete;

  void start();
  void kill();  ///< by SIGKILL
  pid_t pid() const { return pid_; }

  resp::Endpoint over_unix() const;
  resp::Endpoint over_tcp() const;
  std::uint16_t tls_port() const { return tls_port_; }
  /// One command as the default user; an error reply comes as its text.
  resp::Reply ask(std::initializer_list<std::string_view> words) const;
  std::string password;  ///< of the default user, where the configuration sets one

 private:
  std::string directory_;
  std::uint16_t port_ = 0, tls_port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace kv::test
